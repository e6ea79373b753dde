// solo keys generate
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "producers/curve_keys.h"

namespace solo::ops {
namespace {

class KeysGenerate final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    return {.summary = "make a pair of keys for tcp",
            .synopsis = {"FILE [OPTION...]"},
            .description =
                "Writes a new CURVE key pair to FILE, which only its owner can read, and prints the public key. The "
                "daemon lets in whoever holds the secret half of a key in its gateway.client_keys.",
            .operands = {{"FILE", "Where to; it must not be there.", &file_}},
            .exit_status = {{"0", "Done."},
                            {"1", "FILE is there already."},
                            {"2", "Wrongly asked."},
                            {"3", "FILE could not be written."}},
            .examples = {{"For a client", "solo keys generate ~/.config/solo.key"}}};
  }

  int run(Session& session) override {
    producers::SystemEntropy entropy;
    const auto keys = producers::make_curve_keys(entropy);
    if (auto written = producers::write_curve_keys(file_, keys); !written) {
      schemas::Error error = written.error();
      if (error.hint.empty()) error.hint = "name a file in a directory that is there and can be written to";
      return session.fail(error);
    }
    const std::string key = producers::to_z85(keys.public_key);
    if (session.json()) {
      session.print_json(nlohmann::ordered_json{{"file", file_}, {"public", key}}.dump());
    } else {
      session.print(key + '\n');
    }
    return kDone;
  }

 private:
  std::string file_;
};

}  // namespace

std::unique_ptr<Command> make_keys_generate() { return std::make_unique<KeysGenerate>(); }

}  // namespace solo::ops
