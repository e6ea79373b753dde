#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "consumers/runtime_impl.h"

namespace solo::consumers {

namespace {

using schemas::Result;
using schemas::ServiceKey;
using namespace std::chrono_literals;

// Before something the start cannot do without is asked for again.
constexpr auto kAskAgain = 200ms;

std::int64_t microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

// Nothing: the marker's names are none; somebody else's environment.
std::optional<ServiceKey> key_of(const Marker& marker) {
  auto tenant = schemas::TenantName::parse(marker.tenant);
  auto service = schemas::ServiceName::parse(marker.service);
  if (!tenant || !service) return std::nullopt;
  return ServiceKey{std::move(*tenant), std::move(*service)};
}

}  // namespace

void Runtime::Impl::begin() {
  began = stage_began = parts.clock.now();
  report.started_at = parts.clock.wall_us();
  report.node = reporter.node;
  report.run = reporter.run;
  report.from = schemas::to_string(parts.views.applied());
  send_outbox();
  subscription = parts.projector.listen([this](const projections::ViewChange& change) { on_change(change); });
  find_ends();
}

void Runtime::Impl::send_outbox() {
  const auto sent = parts.publisher.send_outbox();
  if (!sent) {
    spdlog::error("the former run's outbox cannot be sent: {}", sent.error().message);
  } else if (*sent > 0) {
    spdlog::info("sending {} observations that the former run left in its outbox", *sent);
  }
}

void Runtime::Impl::find_ends() {
  for (std::int32_t partition = 0; partition < parts.log.partitions(); ++partition) {
    const auto bounds = parts.log.bounds(partition);
    if (!bounds) {
      spdlog::warn("the end of partition {} cannot be read: {}", partition, bounds.error().message);
      loop->at(parts.clock.now() + kAskAgain, [this] { find_ends(); });
      return;
    }
    ends[partition] = bounds->end;
  }
  advance();
}

void Runtime::Impl::advance() {
  if (stopping) return;
  const auto end_stage = [&](const char* name) {
    v1::StageT done;
    done.name = name;
    done.duration_us = microseconds(parts.clock.now() - stage_began);
    report.stages.emplace_back(std::move(done));
    stage_began = parts.clock.now();
  };
  if (stage == Stage::catching_up && has_caught_up()) {
    end_stage("catch up");
    if (!may_claim()) {
      stage = Stage::gateway_only;
      spdlog::warn("another node runs the services of this log: this daemon answers commands only");
      return become_ready(RuntimePhase::gateway_only);
    }
    stage = Stage::claiming;
    claim();
  }
  if (stage == Stage::claiming && has_claims()) {
    end_stage("claim");
    stage = Stage::scanning;
    recover();
  }
}

bool Runtime::Impl::has_caught_up() const {
  return ends.size() == static_cast<std::size_t>(parts.log.partitions()) &&
         std::all_of(ends.begin(), ends.end(),
                     [&](const auto& end) { return parts.views.partition(end.first).next_offset() >= end.second; });
}

bool Runtime::Impl::may_claim() const {
  if (options.take_over) return true;
  const auto tenant = schemas::TenantName::trusted(std::string(schemas::kSystemTenant));
  const auto of_system = parts.views.of(tenant).meta();
  if (of_system.owner && of_system.owner->shut_down) return true;
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    const auto meta = parts.views.partition(partition).meta();
    if (meta.owner && meta.owner->node != reporter.node) return false;
  }
  return true;
}

void Runtime::Impl::claim() {
  for (std::int32_t partition = 0; partition < parts.log.partitions(); ++partition) {
    v1::RuntimeClaimedT claim;
    claim.node = reporter.node;
    claim.run = reporter.run;
    parts.publisher.publish_to(partition, system_event(std::move(claim)),
                               [this, loop_alive = loop](schemas::Position position) {
                                 loop_alive->post([this, position] {
                                   claims[position.partition] = position.offset;
                                   advance();
                                 });
                               });
  }
  v1::SystemStartedT started;
  started.node = reporter.node;
  started.run = reporter.run;
  started.version = options.version;
  parts.publisher.publish(system_event(std::move(started)));
}

bool Runtime::Impl::has_claims() const {
  return claims.size() == static_cast<std::size_t>(parts.log.partitions()) &&
         std::all_of(claims.begin(), claims.end(), [&](const auto& claim) {
           return parts.views.partition(claim.first).next_offset() > claim.second;
         });
}

void Runtime::Impl::note_owners() {
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    const auto meta = parts.views.partition(partition).meta();
    const bool ours = meta.owner && meta.owner->run == reporter.run;
    const auto index = static_cast<std::size_t>(partition);
    if (owned[index] == ours) continue;
    owned[index] = ours;
    if (!ours) spdlog::warn("run {} has taken over partition {}", meta.owner ? meta.owner->run : "", partition);
    for (const auto& [key, entry] : entries) {
      if (entry->partition != partition) continue;
      step(*entry, [&](ServiceMachine& machine, Instant now, Actions& actions) {
        machine.allow(ours && !stopping, now, actions);
      });
    }
  }
}

void Runtime::Impl::recover() {
  note_owners();
  const auto records = load_records();
  bool failed = false;
  const auto found = scan_by_service(records, failed);
  if (failed) {
    // Without knowing what runs nothing may be started.
    loop->at(parts.clock.now() + kAskAgain, [this] { recover(); });
    return;
  }
  report.to = schemas::to_string(parts.views.applied());
  v1::StageT scan;
  scan.name = "scan";
  scan.duration_us = microseconds(parts.clock.now() - stage_began);
  report.stages.emplace_back(std::move(scan));
  stage_began = parts.clock.now();
  stage = Stage::acting;
  recovery_timer = loop->at(parts.clock.now() + options.recovery_timeout, [this] {
    recovery_timer.reset();
    finish_recovery();
  });
  // All of them first: the recovery has ended when none is left.
  for (const auto& [key, record] : records) recovering.insert(key);
  for (const auto& [key, processes] : found) recovering.insert(key);
  static const std::vector<FoundProcess> kNone;
  for (const auto& [key, record] : records) {
    const auto processes = found.find(key);
    recover_service(key, &record, processes == found.end() ? kNone : processes->second);
  }
  for (const auto& [key, processes] : found) {
    if (!records.contains(key)) recover_service(key, nullptr, processes);
  }
  loop->at(parts.clock.now() + options.output_check, [this] { check_outputs(); });
  // What changed since the records were read.
  take_changes();
  if (recovering.empty()) finish_recovery();
}

std::map<ServiceKey, v1::ServiceRecordT> Runtime::Impl::load_records() const {
  std::map<ServiceKey, v1::ServiceRecordT> records;
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    if (!owned[static_cast<std::size_t>(partition)]) continue;
    projections::ServiceQuery query;
    do {
      auto page = parts.views.partition(partition).services(query);
      if (!page) {
        spdlog::error("cannot read the services of partition {}: {}", partition, page.error().message);
        break;
      }
      for (v1::ServiceRecordT& record : page->services) {
        ServiceKey key{schemas::TenantName::trusted(record.tenant), schemas::ServiceName::trusted(record.service)};
        records.emplace(std::move(key), std::move(record));
      }
      query.from = page->next;
    } while (!query.from.empty());
  }
  return records;
}

std::map<ServiceKey, std::vector<FoundProcess>> Runtime::Impl::scan_by_service(
    const std::map<ServiceKey, v1::ServiceRecordT>& records, bool& failed) {
  std::map<ServiceKey, std::vector<FoundProcess>> result;
  auto found = parts.host.scan(parts.log.genesis().log_uuid, reporter.node);
  failed = !found;
  if (failed) {
    spdlog::error("cannot look for running services: {}", found.error().message);
    return result;
  }
  report.scanned = static_cast<std::uint32_t>(found->size());
  std::set<std::int32_t> pids;
  for (FoundProcess& process : *found) {
    pids.insert(process.identity.pid);
    if (const auto key = key_of(process.marker)) result[*key].push_back(std::move(process));
  }
  // A program that has overwritten its environment is known by its recorded identity alone.
  for (const auto& [key, record] : records) {
    for (const RecordedProcess& recorded : recorded_processes(record)) {
      if (pids.contains(recorded.identity.pid) || !parts.host.adopt(recorded.identity)) continue;
      Marker marker{parts.log.genesis().log_uuid, reporter.node,    key.tenant.str(), key.service.str(),
                    recorded.generation,          recorded.instance};
      result[key].push_back(FoundProcess{recorded.identity, std::move(marker), true});
    }
  }
  return result;
}

void Runtime::Impl::recover_service(const ServiceKey& key, const v1::ServiceRecordT* record,
                                    const std::vector<FoundProcess>& found) {
  std::optional<v1::ServiceRecordT> killed;
  if (record == nullptr) {
    // Killed ones without a known instance are not among the records.
    auto looked_up = parts.views.of(key.tenant).service(key);
    if (looked_up && *looked_up) killed = std::move(*looked_up);
    record = killed ? &*killed : nullptr;
  }
  if (record != nullptr && record->desired == v1::Desired::stopped) ++report.skipped_killed;
  RecoveryPlan plan = plan_recovery(record, found);
  Entry& entry = entry_of(key);
  entry.in_views = record != nullptr;
  entry.machine.begin_recovery();
  if (plan.keep && !keep_process(entry, *record, *plan.keep)) {
    plan.gone.push_back({plan.keep->process.marker.instance, plan.keep->process.marker.generation});
  }
  for (const RecoveryPlan::Stop& stop : plan.stop) stop_process(entry, stop);
  for (RecoveryPlan::Gone& gone : plan.gone) {
    entry.processes[++last_number].observed.instance = std::move(gone.instance);
    entry.machine.add_gone(last_number, gone.generation);
  }
  if (record != nullptr) return want(entry, *record);
  step(entry, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.want(Wish{}, now, actions); });
}

bool Runtime::Impl::keep_process(Entry& entry, const v1::ServiceRecordT& record, const RecoveryPlan::Keep& keep) {
  auto process = parts.host.adopt(keep.process.identity);
  if (!process) {
    spdlog::info("{}: {}", to_string(entry.key), process.error().message);
    return false;
  }
  const Wish wish = wish_of(record);
  const std::optional<Target>& target = keep.pending ? wish.pending : wish.current;
  const ProcessNumber number = ++last_number;
  entry.processes[number] = Held{{keep.process.marker.instance, keep.process.identity}, std::move(*process)};
  watch(entry, number);
  spdlog::info("{} still runs as process {}", to_string(entry.key), keep.process.identity.pid);
  step(entry, [&](ServiceMachine& machine, Instant, Actions& actions) {
    machine.adopt(number, *target, keep.epoch, actions);
  });
  return true;
}

void Runtime::Impl::stop_process(Entry& entry, const RecoveryPlan::Stop& stop) {
  auto process = parts.host.adopt(stop.process.identity);
  const ProcessNumber number = ++last_number;
  Held& held = entry.processes[number];
  held.observed = {stop.process.marker.instance, stop.process.identity};
  const std::uint64_t generation = stop.process.marker.generation;
  if (!process) {
    if (stop.reported) entry.machine.add_gone(number, generation);
    return;
  }
  spdlog::info("{}: process {} of a former run must not run and is stopped", to_string(entry.key),
               stop.process.identity.pid);
  held.process = std::move(*process);
  leftovers.insert(number);
  watch(entry, number);
  entry.machine.add_leftover(number, generation, stop.reported, stop.at_once);
}

void Runtime::Impl::note_recovery(Entry& entry, const Actions& actions) {
  if (!recovering.contains(entry.key)) return;
  for (const Action& action : actions) {
    const auto* observe = std::get_if<Observe>(&action);
    if (observe == nullptr) continue;
    const bool failed = observe->report == Report::deployment_failed || observe->report == Report::recovery_failed;
    if (observe->report == Report::recovered) ++(observe->adopted ? report.adopted : report.started);
    if (!failed) continue;
    ++report.failed;
    v1::RecoveryFailureT failure;
    failure.tenant = entry.key.tenant.str();
    failure.service = entry.key.service.str();
    failure.generation = observe->generation;
    failure.reason = observe->reason;
    failure.detail = observe->detail;
    report.failures.emplace_back(std::move(failure));
  }
  if (entry.machine.recovering()) return;
  recovering.erase(entry.key);
  if (recovering.empty() && stage == Stage::acting) finish_recovery();
}

// All services are settled, or the time is up.
void Runtime::Impl::finish_recovery() {
  if (stopping) return;
  if (recovering.empty() && recovery_timer) loop->cancel(*std::exchange(recovery_timer, std::nullopt));
  if (!std::exchange(recovery_reported, true)) {
    for (const ServiceKey& key : recovering) {
      v1::RecoveryFailureT late;
      late.tenant = key.tenant.str();
      late.service = key.service.str();
      late.reason = "not back within " + std::to_string(options.recovery_timeout.count()) + " ms";
      report.failures.emplace_back(std::move(late));
    }
    report.recovered = report.adopted + report.started;
    report.duration_us = microseconds(parts.clock.now() - began);
    v1::StageT start;
    start.name = "start";
    start.duration_us = microseconds(parts.clock.now() - stage_began);
    report.stages.emplace_back(std::move(start));
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
