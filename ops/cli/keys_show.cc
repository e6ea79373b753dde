// solo keys show
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "ops/cli/command.h"
#include "ops/config.h"
#include "producers/curve_keys.h"

namespace solo::ops {
namespace {

class KeysShow final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    return {.summary = "print the public key of a pair",
            .synopsis = {"[FILE] [OPTION...]"},
            .description =
                "Without FILE it is the daemon's own, in the state directory: what clients need as --server-key. The "
                "daemon makes it when it first listens on tcp.",
            .operands = {{"FILE", "A file that `solo keys generate` made.", &file_, false}},
            .exit_status = {{"0", "Done."},
                            {"1", "There is no such file, or others may read it."},
                            {"2", "It holds no keys, or wrongly asked."},
                            {"3", "It could not be read."}},
            .examples = {{"What to tell a client", "solo keys show --state-dir /var/lib/solo"}}};
  }

  int run(Session& session) override {
    const std::filesystem::path file =
        file_ ? std::filesystem::path(*file_) : std::filesystem::path(session.state_dir()) / kServerKeyFile;
    const auto keys = producers::read_curve_keys(file);
    if (!keys) {
      schemas::Error error = keys.error();
      if (error.code == schemas::ErrorCode::not_found && error.hint.empty()) {
        error.hint = file_ ? "`solo keys generate FILE` makes a pair"
                           : "the daemon makes its own when it first listens on tcp (gateway.listen); --state-dir "
                             "says where it is, or name a FILE";
      }
      return session.fail(error);
    }
    const std::string key = producers::to_z85(keys->public_key);
    if (session.json()) {
      session.print_json(nlohmann::ordered_json{{"file", file.string()}, {"public", key}}.dump());
    } else {
      session.print(key + '\n');
    }
    return kDone;
  }

 private:
  std::optional<std::string> file_;
};

}  // namespace

std::unique_ptr<Command> make_keys_show() { return std::make_unique<KeysShow>(); }

}  // namespace solo::ops
