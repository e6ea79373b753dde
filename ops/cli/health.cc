// solo health
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/output.h"

namespace solo::ops {
namespace {

std::string text_of(const v1::HealthReportT& report) {
  std::vector<std::pair<std::string, std::string>> lines{
      {"status", v1::EnumNameHealthStatus(report.status)},
      {"detail", report.detail},
      {"version", report.version},
      {"up", show_duration(report.uptime_ms * 1000)},
  };
  if (report.log) {
    lines.emplace_back("log", fmt::format("{} {}, next {}{}", report.log->kind, report.log->uuid, report.log->end,
                                          report.log->writable ? "" : ", not writable"));
    lines.emplace_back("log detail", report.log->detail);
  }
  if (report.views) {
    const auto& views = *report.views;
    lines.emplace_back(
        "views", fmt::format("applied {}, rules {}, digest {}", views.applied.empty() ? "nothing yet" : views.applied,
                             views.rules, views.digest));
    lines.emplace_back("views detail", views.detail);
    if (views.dead_letters != 0) lines.emplace_back("dead letters", std::to_string(views.dead_letters));
  }
  if (report.services) {
    const auto& services = *report.services;
    lines.emplace_back("services",
                       fmt::format("{} running, {} starting, {} stopping, {} finished, {} failed", services.running,
                                   services.starting, services.stopping, services.finished, services.failed));
  }
  if (report.queues) {
    const auto& queues = *report.queues;
    lines.emplace_back("queues",
                       fmt::format("{} commands, {} appends, {} observations, {} spawns", queues.commands_in_flight,
                                   queues.appends_in_flight, queues.observations_pending, queues.spawns_in_flight));
    if (queues.audit_dropped != 0)
      lines.emplace_back("audit", fmt::format("{} checks or their details lost", queues.audit_dropped));
  }
  if (report.verification) {
    const auto& verification = *report.verification;
    std::string result = verification.time == 0 ? "" : show_time(verification.time);
    if (verification.inconsistencies_found != 0) {
      result += fmt::format(", {}: {} differences", v1::EnumNameVerificationStatus(verification.status),
                            verification.inconsistencies_found);
    }
    lines.emplace_back("verified", result);
    lines.emplace_back("verified detail", verification.detail);
  }
  return facts(lines);
}

class Health final : public Command {
 public:
  Page page() override {
    return {.summary = "ask the daemon how it is",
            .synopsis = {"[OPTION...]"},
            .description =
                "ok; recovering (it has started and brings services back); degraded (something is wrong: detail "
                "says what); stopping. Failed services do not make the daemon unwell.",
            .exit_status = {{"0", "ok."},
                            {"1", "recovering, degraded or stopping."},
                            {"2", "Wrongly asked."},
                            {"3", "The daemon could not be reached."}},
            .examples = {{"Wait until it is well", "until solo health >/dev/null 2>&1; do sleep 0.1; done"}}};
  }

  int run(Session& session) override {
    v1::RequestT request;
    request.body.Set(v1::HealthT{});
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    const auto* report = reply->body.AsHealthReport();
    if (report == nullptr) return session.fail({schemas::ErrorCode::internal, "the daemon sent no health report"});
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else {
      session.print(text_of(*report));
    }
    return report->status == v1::HealthStatus::ok ? kDone : kAnswerIsNo;
  }
};

}  // namespace

std::unique_ptr<Command> make_health() { return std::make_unique<Health>(); }

}  // namespace solo::ops
