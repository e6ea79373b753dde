// solo version
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/version.h"
#include "producers/genesis.h"
#include "projections/views.h"

namespace solo::ops {
namespace {

class Version final : public Command {
 public:
  Page page() override {
    return {.summary = "show which solo this is",
            .synopsis = {"[OPTION...]"},
            .description =
                "Prints this program's own version, the newest log format it reads and the newest rules it "
                "applies. `solo health` tells the daemon's version."};
  }

  int run(Session& session) override {
    if (session.json()) {
      session.print_json(fmt::format(R"({{"version":"{}","log_format":{},"rules":{}}})", version(),
                                     producers::kLogFormat, projections::kKnownRules));
    } else {
      session.print(fmt::format("solo {} (log format {}, rules {})\n", version(), producers::kLogFormat,
                                projections::kKnownRules));
    }
    return kDone;
  }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

}  // namespace solo::ops
