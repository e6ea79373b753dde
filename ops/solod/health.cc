#include "ops/solod/health.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/version.h"
#include "projections/service_state.h"

namespace solo::ops {

using consumers::RuntimePhase;
using schemas::fail;
using schemas::Result;

void ServiceCounts::on_change(const projections::ViewChange& change) {
  const std::lock_guard lock(mutex_);
  if (all_read_) changed_.insert(change.services.begin(), change.services.end());
}

void ServiceCounts::put(const schemas::ServiceKey& key, const v1::ServiceRecordT& record) {
  const auto state = projections::derive_state(record);
  if (state == v1::ServiceState::killed) {
    states_.erase(key);
  } else {
    states_[key] = state;
  }
}

Result<void> ServiceCounts::read_all() {
  states_.clear();
  for (std::int32_t number = 0; number < views_.partitions(); ++number) {
    projections::ServiceQuery query;
    do {
      auto page = views_.partition(number).services(query);
      if (!page) return fail(page.error());
      for (const auto& record : page->services) {
        put({schemas::TenantName::trusted(record.tenant), schemas::ServiceName::trusted(record.service)}, record);
      }
      query.from = page->next;
    } while (!query.from.empty());
  }
  return {};
}

Result<void> ServiceCounts::read_changed() {
  while (!changed_.empty()) {
    const auto& key = *changed_.begin();
    auto record = views_.of(key.tenant).service(key);
    if (!record) return fail(record.error());
    if (*record) put(key, **record);
    changed_.erase(changed_.begin());
  }
  return {};
}

Result<v1::ServicesHealthT> ServiceCounts::count() {
  const std::lock_guard lock(mutex_);
  if (!all_read_) {
    // From here on changes are noted; what changes while all is read is read twice.
    all_read_ = true;
    if (auto read = read_all(); !read) {
      all_read_ = false;
      return fail(read.error());
    }
  }
  if (auto read = read_changed(); !read) return fail(read.error());
  v1::ServicesHealthT counts;
  for (const auto& [key, state] : states_) {
    if (state == v1::ServiceState::starting) ++counts.starting;
    if (state == v1::ServiceState::running) ++counts.running;
    if (state == v1::ServiceState::stopping) ++counts.stopping;
    if (state == v1::ServiceState::finished) ++counts.finished;
    if (state == v1::ServiceState::failed) ++counts.failed;
  }
  return counts;
}

void DaemonHealth::fill_log(v1::LogHealthT& log, std::vector<std::string>& troubles) const {
  log.kind = std::string(parts_.log.kind());
  log.uuid = parts_.log.genesis().log_uuid;
  schemas::Cut end;
  for (std::int32_t number = 0; number < parts_.log.partitions(); ++number) {
    const auto bounds = parts_.log.bounds(number);
    if (bounds) {
      end.positions.push_back({number, bounds->end});
    } else {
      log.detail = bounds.error().message;
    }
  }
  log.end = schemas::to_string(end);
  const auto condition = parts_.log.condition();
  log.writable = condition.writable;
  if (!condition.detail.empty()) log.detail = condition.detail;
  if (!log.writable || !log.detail.empty()) troubles.push_back("log: " + log.detail);
}

void DaemonHealth::fill_views(v1::ViewsHealthT& views, std::vector<std::string>& troubles) const {
  views.applied = schemas::to_string(parts_.views.applied());
  views.digest = schemas::to_string(parts_.views.digest());
  for (std::int32_t number = 0; number < parts_.views.partitions(); ++number) {
    const auto& view = parts_.views.partition(number);
    const auto meta = view.meta();
    if (const auto trouble = view.flush_trouble(); !trouble.empty()) {
      views.detail = fmt::format("not on the disk from {}:{} on: {}", number, view.flushed_offset(), trouble);
    }
    views.rules = std::max(views.rules, meta.rules);
    views.dead_letters += meta.dead_letters;
  }
  for (const auto& partition : parts_.projector.status()) {
    if (!partition.detail.empty())
      views.detail = fmt::format("partition {}: {}", partition.partition, partition.detail);
  }
  if (!views.detail.empty()) troubles.push_back("views: " + views.detail);
}

void DaemonHealth::fill_verification(v1::VerificationHealthT& verification, std::vector<std::string>& troubles) const {
  verification = parts_.verifier.health();
  if (const std::string overdue = parts_.verifier.overdue(); !overdue.empty()) {
    troubles.push_back("verification: " + overdue);
  }
  if (verification.status == v1::VerificationStatus::critical) {
    troubles.push_back("verification: " + verification.detail + "; see `solo verify`");
  }
}

std::string DaemonHealth::holder(std::vector<std::string>& troubles) const {
  const auto system = schemas::TenantName::trusted(std::string(schemas::kSystemTenant));
  const auto meta = parts_.views.of(system).meta();
  // This run: it has just claimed what another one held, and its runtime has not seen that yet.
  if (!meta.owner || meta.owner->run == parts_.run) return {};
  if (!meta.owner->shut_down) {
    return fmt::format("gateway only: run {} on node {} holds the runtime", meta.owner->run, meta.owner->node);
  }
  troubles.push_back(
      fmt::format("nobody runs the services: run {} on node {}, which held the runtime, has shut down; restart this "
                  "daemon, or start one with --take-over",
                  meta.owner->run, meta.owner->node));
  return {};
}

bool DaemonHealth::is_recovered(RuntimePhase phase) {
  if (phase == RuntimePhase::gateway_only) return true;
  if (phase != RuntimePhase::running) return false;
  if (!report_seen_) {
    const auto recovery =
        parts_.views.of(schemas::TenantName::trusted(std::string(schemas::kSystemTenant))).last_recovery();
    report_seen_ = recovery && *recovery && (**recovery).report && (**recovery).report->run == parts_.run;
  }
  return report_seen_;
}

void DaemonHealth::set_stopping(const std::string& step) {
  const std::lock_guard lock(mutex_);
  stopping_ = step;
}

void DaemonHealth::fill(v1::HealthReportT& report) {
  std::vector<std::string> troubles;
  report.version = std::string(version());
  report.uptime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.now() - started_).count();
  fill_log(report.log.ensure(), troubles);
  fill_views(report.views.ensure(), troubles);
  fill_verification(report.verification.ensure(), troubles);
  if (auto counts = parts_.counts.count()) {
    report.services.ensure() = *counts;
  } else {
    troubles.push_back("services: " + counts.error().message);
  }
  if (auto trouble = parts_.publisher.trouble(); !trouble.empty()) troubles.push_back("observations: " + trouble);
  const auto audit = parts_.audit.condition();
  if (!audit.trouble.empty()) troubles.push_back("audit: " + audit.trouble);
  const auto runtime = parts_.runtime.status();
  const std::string held = runtime.phase == RuntimePhase::gateway_only ? holder(troubles) : std::string();
  auto& queues = report.queues.ensure();
  queues.observations_pending = static_cast<std::uint32_t>(parts_.publisher.pending());
  queues.spawns_in_flight = static_cast<std::uint32_t>(runtime.spawns_in_flight);
  queues.audit_pending = static_cast<std::uint32_t>(audit.pending);
  // Of these nobody can say whose they were, either.
  queues.audit_dropped = audit.dropped + audit.blurred;

  // Observations that find no way into the log are a trouble of their own.
  const bool recovering = !is_recovered(runtime.phase) && (troubles.empty() || runtime.phase != RuntimePhase::running);
  const std::string stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }();
  report.status = !stopping.empty()   ? v1::HealthStatus::stopping
                  : recovering        ? v1::HealthStatus::recovering
                  : !troubles.empty() ? v1::HealthStatus::degraded
                                      : v1::HealthStatus::ok;
  if (!held.empty()) troubles.insert(troubles.begin(), held);
  if (!runtime.detail.empty()) troubles.insert(troubles.begin(), runtime.detail);
  if (!stopping.empty()) troubles.insert(troubles.begin(), stopping);
  report.detail = fmt::format("{}", fmt::join(troubles, "; "));
}

}  // namespace solo::ops
