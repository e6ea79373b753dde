// solo recovery report
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/output.h"

namespace solo::ops {
namespace {

std::string text_of(const v1::RecoveryReportT& report) {
  std::string out = facts({
      {"node", report.node},
      {"run", report.run},
      {"started", show_time(report.started_at)},
      {"took", show_duration(report.duration_us)},
      {"views", fmt::format("from {} to {}", report.from.empty() ? "nothing" : report.from, report.to)},
      {"processes found", std::to_string(report.scanned)},
      {"recovered", fmt::format("{} ({} adopted, {} started)", report.recovered, report.adopted, report.started)},
      {"stopped", std::to_string(report.stopped)},
      {"failed", std::to_string(report.failed)},
      {"killed before", std::to_string(report.skipped_killed)},
  });
  if (!report.stages.empty()) {
    Table stages({"STAGE", "TOOK"});
    for (const auto& stage : report.stages) stages.add({stage->name, show_duration(stage->duration_us)});
    out += '\n' + stages.str();
  }
  if (!report.failures.empty()) {
    Table failures({"TENANT", "SERVICE", "GENERATION", "REASON", "DETAIL"});
    for (const auto& failure : report.failures) {
      failures.add(
          {failure->tenant, failure->service, std::to_string(failure->generation), failure->reason, failure->detail});
    }
    out += '\n' + failures.str();
    if (report.failed > report.failures.size()) {
      out += fmt::format("and {} more\n", report.failed - report.failures.size());
    }
  }
  return out;
}

class RecoveryReport final : public Command {
 public:
  Page page() override {
    return {.summary = "show what the daemon's last start found and did",
            .synopsis = {"[OPTION...]"},
            .description =
                "Which services were adopted (their processes were still there), which were started again, what "
                "had to be stopped, what failed, and how long each stage took.",
            .examples = {{"The last recovery", "solo recovery report"}}};
  }

  int run(Session& session) override {
    v1::RequestT request;
    // Of every tenant, unless one is named: a token may be for that one alone.
    request.tenant = session.tenant_on_command_line() ? *session.tenant() : "*";
    request.body.Set(v1::RecoveryT{});
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else if (const auto* report = reply->body.AsRecoveryReport()) {
      session.print(text_of(*report));
    }
    return kDone;
  }
};

}  // namespace

std::unique_ptr<Command> make_recovery_report() { return std::make_unique<RecoveryReport>(); }

}  // namespace solo::ops
