// solo verify
#include <fmt/format.h>

#include <algorithm>

#include "ops/cli/command.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/output.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

using namespace std::chrono_literals;

/// A replay of a long log takes its time.
constexpr std::uint32_t kRebuildTimeout = 3'600'000;
constexpr auto kBetween = 5s;

std::string subject_of(const v1::InconsistencyT& one) {
  if (one.service.empty()) return one.evidence;
  return fmt::format("{}/{}", one.tenant, one.service);
}

std::string text_of(const v1::VerificationReportT& report) {
  std::uint64_t checked = 0;
  for (const auto& check : report.checked) checked += check->checked;
  std::string out = facts({
      {"status", v1::EnumNameVerificationStatus(report.status)},
      {"at", show_time(report.time)},
      {"took", show_duration(report.duration_us)},
      {"views at", report.position},
      {"deployed", std::to_string(report.total_deployed)},
      {"events", std::to_string(report.total_events)},
      {"checked", fmt::format("{} things by {} invariants{}", checked, report.checked.size(),
                              report.rebuilt ? ", and against a replay of the log" : "")},
      {"not judged", report.at_work == 0 ? "" : fmt::format("{} services that were at work", report.at_work)},
      {"differences", fmt::format("{}, {} of them mended", report.inconsistencies_found, report.repaired)},
  });
  for (const auto& one : report.inconsistencies) {
    out += '\n' + facts({
                      {one->code, fmt::format("{}: {}", v1::EnumNameSeverity(one->severity), subject_of(*one))},
                      {"  expected", one->expected},
                      {"  found", one->found},
                      {"  evidence", one->service.empty() ? "" : one->evidence},
                      {"  repair", one->repair},
                  });
  }
  if (report.inconsistencies_found > report.inconsistencies.size()) {
    out += fmt::format("\nand {} more\n", report.inconsistencies_found - report.inconsistencies.size());
  }
  return out;
}

bool agrees(const v1::VerificationReportT& report) { return report.inconsistencies_found == report.repaired; }

class Verify final : public Command {
 public:
  Page page() override {
    Page page{.summary = "compare what the log says with what runs",
              .synopsis = {"[--fix | --dry-run] [--rebuild] [--watch] [OPTION...]"},
              .description =
                  "Asks the daemon to compare views, runtime and machine now, and prints what differs: which invariant "
                  "does not hold, what was expected and found, by which evidence, and what would mend it. A difference "
                  "counts when it is there twice, half a second apart, and nothing is under way for its service.\n\n"
                  "Without --tenant everything is compared, the views' own soundness too (SOLO_TENANT does not count); "
                  "with it, "
                  "that tenant's services. The daemon does the same by itself at its start and every "
                  "verifier.interval_ms.\n\n"
                  "Nothing is mended while the views are in doubt, and nothing of a service that another node runs: "
                  "the report "
                  "says why, and what to do. A service is mended in a few verifications within a while, and then left "
                  "alone: something brings the difference back.",
              .options = {{"--fix", "", "Mend what is safe to mend.", &fix_},
                          {"--dry-run", "", "Say what --fix would mend.", &dry_run_},
                          {"--rebuild", "",
                           "And replay the log from its start beside the live views, and compare them entry by entry.",
                           &rebuild_},
                          {"--watch", "", "Again every 5 s until Ctrl-C; exit status of the last one.", &watch_}},
              .exit_status = {{"0", "All agrees, or was mended."},
                              {"1",
                               "There are differences that remain; or the token does not permit it: then there is "
                               "no report, and the error says so (with --json as `error`)."},
                              {"2", "Wrongly asked."},
                              {"3", "The daemon could not be reached, or could not compare."}},
              .examples = {{"Mend what can be mended", "solo verify --fix"},
                           {"The whole proof", "solo verify --rebuild --timeout 10m"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    if (fix_ && dry_run_) {
      return session.fail({schemas::ErrorCode::invalid_argument, "--fix and --dry-run exclude each other", ""});
    }
    if (!watch_) return once(session);
    Interrupt interrupt;
    for (;;) {
      const int status = once(session);
      if (status > kAnswerIsNo || session.output_broken() || interrupt.came(kBetween)) return status;
    }
  }

 private:
  int once(Session& session) {
    v1::RequestT request;
    auto applied = request_.apply(session, request, !session.tenant_on_command_line());
    if (!applied) return session.fail(applied.error());
    if (rebuild_ && request.timeout_ms == 0) request.timeout_ms = kRebuildTimeout;
    v1::VerificationT wanted;
    wanted.fix = fix_;
    wanted.dry_run = dry_run_;
    wanted.rebuild = rebuild_;
    request.body.Set(wanted);
    if (rebuild_) session.progress("replaying the log...");
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    const auto* report = reply->body.AsVerificationReport();
    if (report == nullptr) return session.fail({schemas::ErrorCode::internal, "the daemon sent no report"});
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else {
      session.print(text_of(*report));
    }
    return agrees(*report) ? kDone : kAnswerIsNo;
  }

  bool fix_ = false;
  bool dry_run_ = false;
  bool rebuild_ = false;
  bool watch_ = false;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_verify() { return std::make_unique<Verify>(); }

}  // namespace solo::ops
