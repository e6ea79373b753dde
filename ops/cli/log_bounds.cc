// solo log bounds
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/log_access.h"
#include "ops/cli/output.h"

namespace solo::ops {
namespace {

class LogBounds final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    return {.summary = "show where the log begins and ends",
            .synopsis = {"[OPTION...]"},
            .description =
                "Prints the log's uuid, its first offset and the next one to be written. Reads the log's files: "
                "the daemon may run or not.",
            .examples = {{"How long it is", "solo log bounds --state-dir /var/lib/solo"}}};
  }

  int run(Session& session) override {
    const Interrupt interrupt;
    auto log = open_log(session);
    if (!log) return session.fail(log.error());
    const auto genesis = (*log)->genesis();
    if (!genesis) return session.fail(genesis.error());
    const auto bounds = (*log)->bounds();
    if (!bounds) return session.fail(bounds.error());
    if (session.json()) {
      session.print_json(fmt::format(
          R"({{"log":"{}","kind":"embedded","live":{},"partitions":[{{"partition":0,"first":{},"end":{}}}]}})",
          genesis->log_uuid, (*log)->live(), bounds->first, bounds->end));
      return kDone;
    }
    Table table({"PARTITION", "FIRST", "NEXT", "LOG", "DAEMON"});
    table.add({"0", std::to_string(bounds->first), std::to_string(bounds->end), genesis->log_uuid,
               (*log)->live() ? "running" : "stopped"});
    session.print(table.str());
    return kDone;
  }
};

}  // namespace

std::unique_ptr<Command> make_log_bounds() { return std::make_unique<LogBounds>(); }

}  // namespace solo::ops
