// solo log check
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/log_access.h"
#include "ops/cli/output.h"

namespace solo::ops {
namespace {

class LogCheck final : public Command {
 public:
  bool is_local() const override { return true; }

  Page page() override {
    return {
        .summary = "read every record of the log and check it",
        .synopsis = {"[OPTION...]"},
        .description =
            "Reads the whole log and checks that no record is missing and that each has the checksum it was "
            "written with. The daemon may run or not; with it stopped, nothing can change meanwhile.",
        .exit_status = {{"0", "Every record is sound."},
                        {"1", "A record is missing or damaged: the first one's offset is named. Or there is no log."},
                        {"2", "Wrongly asked."},
                        {"3", "The log cannot be read."}},
        .examples = {{"Before a backup", "solo log check --state-dir /var/lib/solo"}}};
  }

  int run(Session& session) override;

 private:
  int report(Session& session, const producers::LogCheck& check) const;
};

int LogCheck::run(Session& session) {
  Interrupt interrupt;
  auto log = open_log(session);
  if (!log) return session.fail(log.error());
  const auto check = (*log)->check([&](const producers::LogCheck& so_far) {
    session.progress(fmt::format("{} of {} records", so_far.records, so_far.bounds.end));
    return !interrupt.came();
  });
  if (!check) return session.fail(check.error());
  if (interrupt.came()) {
    session.note(fmt::format("interrupted after {} records", check->records));
    return kInterrupted;
  }
  return report(session, *check);
}

int LogCheck::report(Session& session, const producers::LogCheck& check) const {
  if (session.json()) {
    nlohmann::ordered_json shown{{"sound", !check.damage.has_value()},
                                 {"records", check.records},
                                 {"bytes", check.bytes},
                                 {"first", check.bounds.first},
                                 {"end", check.bounds.end}};
    if (check.damage) {
      shown["damage"] = {{"offset", check.damage->offset},
                         {"code", std::string(schemas::to_string(check.damage->error.code))},
                         {"message", check.damage->error.message}};
    }
    session.print_json(shown.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else if (check.damage) {
    session.print(fmt::format("damaged at offset {}: {}\n{} records before it are sound\n", check.damage->offset,
                              printable(check.damage->error.message), check.records));
  } else {
    session.print(fmt::format("sound: {} records, {} bytes\n", check.records, check.bytes));
  }
  return check.damage ? kAnswerIsNo : kDone;
}

}  // namespace

std::unique_ptr<Command> make_log_check() { return std::make_unique<LogCheck>(); }

}  // namespace solo::ops
