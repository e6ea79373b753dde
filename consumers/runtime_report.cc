// What a recovery came to: which services are back, and the report.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "consumers/runtime_impl.h"
#include "projections/text.h"

namespace solo::consumers {

namespace {

using schemas::ServiceKey;

// The report is one event, and has to fit into it however many fail; each failure is an event of its own besides.
constexpr std::size_t kReportedFailures = 500;
constexpr std::size_t kReportedWords = 500;

std::int64_t microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

void Runtime::Impl::end_stage(const char* name) {
  const Instant now = parts.clock.now();
  v1::StageT done;
  done.name = name;
  done.duration_us = microseconds(now - stage_began);
  report.stages.emplace_back(std::move(done));
  stage_began = now;
}

void Runtime::Impl::add_failure(const ServiceKey& key, std::uint64_t generation, const std::string& reason,
                                const std::string& detail) {
  ++report.failed;
  if (report.failures.size() == kReportedFailures) return;
  v1::RecoveryFailureT failure;
  failure.tenant = key.tenant.str();
  failure.service = key.service.str();
  failure.generation = generation;
  failure.reason = projections::clip_head(reason, kReportedWords);
  failure.detail = projections::clip_head(detail, kReportedWords);
  report.failures.emplace_back(std::move(failure));
}

void Runtime::Impl::note_recovery(Entry& entry, const Actions& actions) {
  if (!recovering.contains(entry.key)) return;
  for (const Action& action : actions) {
    const auto* observe = std::get_if<Observe>(&action);
    if (observe == nullptr) continue;
    const bool failed = observe->report == Report::deployment_failed || observe->report == Report::recovery_failed;
    if (observe->report == Report::recovered) ++(observe->adopted ? report.adopted : report.started);
    if (!failed) continue;
    add_failure(entry.key, observe->generation, observe->reason, observe->detail);
  }
  const bool has_leftovers = std::any_of(entry.processes.begin(), entry.processes.end(),
                                         [&](const auto& process) { return leftovers.contains(process.first); });
  if (entry.machine.recovering() || has_leftovers) return;
  recovering.erase(entry.key);
  if (recovering.empty() && stage == Stage::acting) finish_recovery();
}

// All services are settled, or the time is up.
void Runtime::Impl::finish_recovery() {
  if (stopping) return;
  if (recovering.empty() && recovery_timer) loop->cancel(*std::exchange(recovery_timer, std::nullopt));
  if (!std::exchange(recovery_reported, true)) {
    for (const ServiceKey& key : recovering) {
      add_failure(key, 0, "not back within " + std::to_string(options.recovery_timeout.count()) + " ms", {});
    }
    report.recovered = report.adopted + report.started;
    report.duration_us = microseconds(parts.clock.now() - began);
    end_stage("start");
    spdlog::info("recovered {} services ({} adopted, {} started), stopped {}, failed {}, in {} ms", report.recovered,
                 report.adopted, report.started, report.stopped, report.failed, report.duration_us / 1000);
    v1::SystemRecoveredT recovered;
    recovered.report = report;
    parts.publisher.publish(system_event(std::move(recovered)));
    sweep_artifacts();
  }
  become_ready(recovering.empty() ? RuntimePhase::running : RuntimePhase::recovering);
}

void Runtime::Impl::become_ready(RuntimePhase phase_now) {
  if (std::exchange(is_ready, true) || !ready) return;
  note_status();
  ready(phase_now);
}

void Runtime::Impl::sweep_artifacts() {
  std::set<std::string> digests;
  for (const auto& [key, entry] : entries) {
    for (const auto& [generation, deployment] : entry->deployments) digests.insert(deployment.code_digest);
  }
  preparer.run_on_pool([this, digests = std::move(digests)] {
    if (const std::size_t removed = artifacts.sweep(digests); removed > 0) {
      spdlog::info("removed {} programs that no service uses any more", removed);
    }
  });
}

}  // namespace solo::consumers
