#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "consumers/descendants.h"
#include "consumers/output_writers.h"
#include "consumers/proc.h"
#include "consumers/process_identity.h"
#include "consumers/runtime_impl.h"
#include "projections/text.h"

namespace solo::consumers {

namespace {

using schemas::Result;
using schemas::ServiceKey;
using namespace std::chrono_literals;

// Before something the start cannot do without is asked for again.
constexpr auto kAskAgain = 200ms;

// Nothing: the marker's names are none; somebody else's environment.
std::optional<ServiceKey> key_of(const Marker& marker) {
  auto tenant = schemas::TenantName::parse(marker.tenant);
  auto service = schemas::ServiceName::parse(marker.service);
  if (!tenant || !service) return std::nullopt;
  return ServiceKey{std::move(*tenant), std::move(*service)};
}

// Another node on this machine may have adopted what this one had started.
void leave_out_adopted(const v1::ServiceRecordT& record, const std::string& node, std::vector<FoundProcess>& found) {
  std::set<std::string> adopted;
  for (const auto& instance : record.instances) {
    if (instance->node == node || !instance->identity) continue;
    const Identity identity = identity_of(instance->identity);
    for (const FoundProcess& process : found) {
      if (process.identity == identity) adopted.insert(process.marker.instance);
    }
  }
  std::erase_if(found, [&](const FoundProcess& process) { return adopted.contains(process.marker.instance); });
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
  if (stage == Stage::catching_up && has_caught_up()) {
    end_stage("catch up");
    if (!may_claim()) {
      stage = Stage::gateway_only;
      spdlog::warn("another node runs the services of this log: this daemon answers commands only");
      stop_strays();
      note_reconciled(ends);
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
  if (stopping) return;
  note_owners();
  report.skipped_killed = 0;
  std::map<std::int32_t, std::int64_t> next_offsets;
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    next_offsets[partition] = parts.views.partition(partition).next_offset();
  }
  const auto loaded = load_records();
  if (!loaded) {
    if (options.on_fatal) options.on_fatal(loaded.error());
    return;
  }
  const auto& records = *loaded;
  bool failed = false;
  auto found = scan_by_service(records, failed);
  if (failed) {
    // Without knowing what runs nothing may be started.
    loop->at(parts.clock.now() + kAskAgain, [this] { recover(); });
    return;
  }
  add_unmarked(found);
  kill_orphans(records);
  report.to = schemas::to_string(parts.views.applied());
  end_stage("scan");
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
  found_processes.clear();
  check_outputs_in(options.output_check);
  note_reconciled(next_offsets);
  // What changed since the records were read.
  take_changes();
  if (recovering.empty()) finish_recovery();
}

Result<std::map<ServiceKey, v1::ServiceRecordT>> Runtime::Impl::load_records() {
  std::map<ServiceKey, v1::ServiceRecordT> records;
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    if (!owned[static_cast<std::size_t>(partition)]) continue;
    projections::ServiceQuery query;
    do {
      auto page = parts.views.partition(partition).services(query);
      if (!page) return schemas::fail(std::move(page.error()));
      for (v1::ServiceRecordT& record : page->services) {
        ServiceKey key{schemas::TenantName::trusted(record.tenant), schemas::ServiceName::trusted(record.service)};
        records.emplace(std::move(key), std::move(record));
      }
      report.skipped_killed += static_cast<std::uint32_t>(page->killed);
      query.from = page->next;
    } while (!query.from.empty());
  }
  return records;
}

// With their handles, if all of them are going to be wanted: where this is repaired, most are held already.
Result<std::vector<HeldProcess>> Runtime::Impl::scan() {
  const std::string& log = parts.log.genesis().log_uuid;
  if (stage != Stage::acting) return parts.host.scan_and_hold(log, reporter.node);
  auto found = parts.host.scan(log, reporter.node);
  if (!found) return schemas::fail(std::move(found.error()));
  std::vector<HeldProcess> unheld;
  for (FoundProcess& process : *found) unheld.push_back({std::move(process), nullptr});
  return unheld;
}

std::map<ServiceKey, std::vector<FoundProcess>> Runtime::Impl::scan_by_service(
    const std::map<ServiceKey, v1::ServiceRecordT>& records, bool& failed) {
  std::map<ServiceKey, std::vector<FoundProcess>> result;
  auto found = scan();
  failed = !found;
  if (failed) {
    spdlog::error("cannot look for running services: {}", found.error().message);
    return result;
  }
  report.scanned = static_cast<std::uint32_t>(found->size());
  for (HeldProcess& held : *found) {
    found_processes.emplace(held.found.identity.pid, std::move(held.process));
    if (const auto key = key_of(held.found.marker)) result[*key].push_back(std::move(held.found));
  }
  // A program that has overwritten its environment is known by its recorded identity alone.
  for (const auto& [key, record] : records) {
    for (const RecordedProcess& recorded : recorded_processes(record)) {
      if (found_processes.contains(recorded.identity.pid)) continue;
      Marker marker{parts.log.genesis().log_uuid, reporter.node,    key.tenant.str(), key.service.str(),
                    recorded.generation,          recorded.instance};
      auto process = parts.host.adopt(recorded.identity, marker);
      if (!process) continue;
      found_processes.emplace(recorded.identity.pid, std::move(*process));
      result[key].push_back(FoundProcess{recorded.identity, std::move(marker), true});
    }
  }
  return result;
}

// A start that was not recorded, of a program that has overwritten its environment; or what such a one has left.
// Nothing says which instance they are of, so none of them is kept.
void Runtime::Impl::add_unmarked(std::map<ServiceKey, std::vector<FoundProcess>>& found) {
  const auto known = [this](pid_t leader) { return found_processes.contains(leader); };
  for (const OutputWriter& writer : output_writers(files.services(), known)) {
    // Of another log or node, then.
    if (writer.marker) continue;
    const std::string unknown = "process " + std::to_string(writer.identity.pid);
    Marker marker{parts.log.genesis().log_uuid,
                  reporter.node,
                  writer.service.tenant.str(),
                  writer.service.service.str(),
                  0,
                  unknown};
    found[writer.service].push_back({writer.identity, std::move(marker), writer.leader, "it bears none"});
    ++report.scanned;
  }
}

void Runtime::Impl::kill_orphans(const std::map<ServiceKey, v1::ServiceRecordT>& records) {
  std::vector<EndedLeader> leaders;
  std::vector<const ServiceKey*> services;
  std::filesystem::path root;
  for (const auto& [key, record] : records) {
    std::error_code ignored;
    // As the kernel names it, without links.
    if (root.empty()) root = std::filesystem::weakly_canonical(files.services(), ignored);
    for (const RecordedProcess& recorded : recorded_processes(record)) {
      if (recorded.identity.boot_id != proc::boot_id() || found_processes.contains(recorded.identity.pid)) continue;
      leaders.push_back({recorded.identity, std::nullopt, false, root / key.tenant.str() / key.service.str()});
      services.push_back(&key);
    }
  }
  if (leaders.empty()) return;
  std::set<pid_t> living;
  for (const auto& [pid, process] : found_processes) living.insert(pid);
  for (const KilledDescendant& killed : kill_descendants(leaders, living)) {
    ++report.stopped;
    spdlog::info("{}: its process had ended unseen, and one that it had started is killed",
                 to_string(*services[killed.leader]));
  }
}

Result<std::unique_ptr<Process>> Runtime::Impl::hold(const FoundProcess& found) {
  const auto held = found_processes.find(found.identity.pid);
  if (held == found_processes.end() || !held->second) return parts.host.adopt(found.identity, found.marker);
  return std::move(held->second);
}

void Runtime::Impl::recover_service(const ServiceKey& key, const v1::ServiceRecordT* record,
                                    const std::vector<FoundProcess>& found) {
  if (record != nullptr && record->desired == v1::Desired::stopped) ++report.skipped_killed;
  std::optional<v1::ServiceRecordT> killed;
  if (record == nullptr) {
    // Killed ones without a known instance are not among the records.
    auto looked_up = parts.views.of(key.tenant).service(key);
    if (looked_up && *looked_up) killed = std::move(*looked_up);
    record = killed ? &*killed : nullptr;
  }
  RecoveryPlan plan = plan_recovery(record, found);
  Entry& entry = entry_of(key);
  entry.in_views = record != nullptr;
  entry.machine.begin_recovery();
  // First, so that the service does not count as recovered while one of them is there.
  for (const RecoveryPlan::Stop& stop : plan.stop) stop_process(entry, stop);
  if (plan.keep && !keep_process(entry, *record, *plan.keep)) {
    plan.gone.push_back({plan.keep->process.marker.instance, plan.keep->process.marker.generation});
  }
  for (RecoveryPlan::Gone& gone : plan.gone) {
    entry.processes[++last_number].observed.instance = std::move(gone.instance);
    entry.machine.add_gone(last_number, gone.generation);
  }
  if (record != nullptr) return want(entry, *record);
  step(entry, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.want(Wish{}, now, actions); });
}

// Where this run has no say over any service, what a former run of this node left must not run on.
void Runtime::Impl::stop_strays() {
  bool failed = false;
  auto found = scan_by_service({}, failed);
  add_unmarked(found);
  for (auto& [key, processes] : found) {
    const auto record = parts.views.of(key.tenant).service(key);
    if (record && *record) leave_out_adopted(**record, reporter.node, processes);
    Entry& entry = entry_of(key);
    for (const RecoveryPlan::Stop& stop : plan_recovery(nullptr, processes).stop) stop_process(entry, stop);
    step(entry, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.want(Wish{}, now, actions); });
  }
  found_processes.clear();
}

bool Runtime::Impl::keep_process(Entry& entry, const v1::ServiceRecordT& record, const RecoveryPlan::Keep& keep) {
  auto process = hold(keep.process);
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
  auto process = hold(stop.process);
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

}  // namespace solo::consumers
