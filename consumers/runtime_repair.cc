// What the runtime holds of each service, and repairs of what the verifier found.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "consumers/lineage.h"
#include "consumers/process_identity.h"
#include "consumers/runtime_impl.h"
#include "consumers/verifier_diff.h"
#include "projections/service_state.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;
using schemas::ServiceKey;
using v1::RepairAction;

tl::unexpected<schemas::Error> not_so(std::string message) {
  return schemas::fail(ErrorCode::failed_precondition, std::move(message),
                       "things have changed: ask again with `solo verify`");
}

std::string in_words(const v1::RepairT& repair) {
  std::string words = v1::EnumNameRepairAction(repair.action);
  if (!repair.instance.empty()) words += fmt::format(" instance {}", repair.instance);
  if (repair.process) words += fmt::format(" (process {})", repair.process->pid);
  return words;
}

/// Generation and service are wanted by the record.
bool should_run(const v1::ServiceRecordT* record, std::uint64_t generation) {
  if (record == nullptr || !projections::is_live(*record)) return false;
  return (record->current && record->current->generation == generation) ||
         (record->pending && record->pending->generation == generation);
}

}  // namespace

void Runtime::inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline, Inventoried done) {
  impl_->loop->post([impl = impl_.get(), asked = Impl::AskedInventory{cut, deadline, std::move(done)}]() mutable {
    impl->ask_inventory(std::move(asked));
  });
}

void Runtime::repair(const ServiceKey& service, const v1::RepairT& repair, Repaired done) {
  impl_->loop->post([impl = impl_.get(), service, repair, done = std::move(done)]() mutable {
    impl->repair(service, repair, std::move(done));
  });
}

void Runtime::Impl::ask_inventory(AskedInventory asked) {
  if (stopping) return asked.done(schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true));
  const Instant deadline = asked.deadline;
  inventories.push_back(std::move(asked));
  answer_inventories();
  if (!inventories.empty()) loop->at(deadline, [this] { answer_inventories(); });
}

void Runtime::Impl::answer_inventories() {
  const Instant now = parts.clock.now();
  for (AskedInventory& asked : std::exchange(inventories, {})) {
    if (has_reconciled(asked.cut)) {
      asked.done(take_inventory());
    } else if (now >= asked.deadline || stopping) {
      asked.done(
          schemas::fail(ErrorCode::deadline_exceeded,
                        fmt::format("the runtime has not acted on everything up to {}{}", schemas::to_string(asked.cut),
                                    stage == Stage::acting ? "" : ": it has not begun"),
                        "see `solo health`", true));
    } else {
      inventories.push_back(std::move(asked));
    }
  }
}

void Runtime::Impl::note_reconciled(const std::map<std::int32_t, std::int64_t>& next_offsets) {
  for (const auto& [partition, next] : next_offsets) {
    std::int64_t& done = reconciled[partition];
    done = std::max(done, next);
  }
  if (!inventories.empty()) answer_inventories();
}

bool Runtime::Impl::has_reconciled(const schemas::Cut& cut) const {
  return std::all_of(cut.positions.begin(), cut.positions.end(), [&](const schemas::Position& position) {
    const auto done = reconciled.find(position.partition);
    return done != reconciled.end() && done->second > position.offset;
  });
}

v1::InventoryEntryT Runtime::Impl::inventory_of(const Entry& entry) const {
  v1::InventoryEntryT described;
  described.tenant = entry.key.tenant.str();
  described.service = entry.key.service.str();
  described.operation = entry.machine.operation();
  described.pending_generation = entry.machine.pending_generation();
  if (described.operation.empty() && entry.put_off) described.operation = "follow";
  if (starting_repairs.contains(entry.key)) described.operation = "repair";
  const auto holding = entry.machine.holding();
  if (!holding) return described;
  described.generation = holding->generation;
  if (const auto held = entry.processes.find(holding->number); held != entry.processes.end()) {
    described.instance = held->second.observed.instance;
    described.spec_digest = held->second.spec_digest;
    described.process.ensure() = to_record(held->second.observed.identity);
    if (described.operation.empty() && held->second.process && held->second.process->is_ending()) {
      described.operation = "end";
    }
  }
  if (const auto deployed = entry.deployments.find(holding->generation); deployed != entry.deployments.end()) {
    described.code_digest = deployed->second.code_digest;
  }
  return described;
}

v1::InventoryReportT Runtime::Impl::take_inventory() {
  v1::InventoryReportT inventory;
  inventory.node = reporter.node;
  inventory.run = reporter.run;
  inventory.time = parts.clock.wall_us();
  schemas::Cut cut;
  for (const auto& [partition, next] : reconciled) {
    if (next > 0) cut.positions.push_back({partition, next - 1});
  }
  inventory.reconciled = schemas::to_string(cut);
  std::erase_if(unpublished, [](const auto& waiting) { return waiting.second->load() == 0; });
  for (const Identity& running : compiler.processes()) inventory.compilers.emplace_back(to_record(running));
  inventory.services.reserve(entries.size());
  for (const auto& [key, entry] : entries) {
    v1::InventoryEntryT& described = *inventory.services.emplace_back(inventory_of(*entry));
    if (const auto waiting = unpublished.find(key); waiting != unpublished.end()) {
      described.observations_pending = waiting->second->load();
    }
  }
  for (const auto& [key, waiting] : unpublished) {
    if (entries.contains(key)) continue;
    v1::InventoryEntryT& described = *inventory.services.emplace_back(v1::InventoryEntryT{});
    described.tenant = key.tenant.str();
    described.service = key.service.str();
    described.observations_pending = waiting->load();
  }
  return inventory;
}

Result<void> Runtime::Impl::check_repair(const ServiceKey& key, RepairAction action) const {
  if (stopping) return schemas::fail(ErrorCode::unavailable, "the daemon is stopping");
  const auto partition = static_cast<std::size_t>(parts.views.of(key.tenant).partition());
  if (stage != Stage::acting || !owned[partition]) return not_so("this daemon does not run the services");
  const auto entry = entries.find(key);
  if (starting_repairs.contains(key)) return not_so(to_string(key) + " is being repaired");
  if (entry == entries.end()) return {};
  const std::string operation = inventory_of(*entry->second).operation;
  // Between restarts there is nothing of it but strays.
  if (operation.empty() || (operation == kBetweenRestarts && action == RepairAction::stop)) return {};
  return not_so(fmt::format("{} is at work on {}: {}", reporter.node, to_string(key), operation));
}

void Runtime::Impl::repair(const ServiceKey& key, const v1::RepairT& repair, Repaired done) {
  if (repair.action == RepairAction::unspecified) {
    return done(schemas::fail(ErrorCode::invalid_argument, "a repair says what to do: stop, start or readopt"));
  }
  if (auto checked = check_repair(key, repair.action); !checked) return done(checked);
  auto record = parts.views.of(key.tenant).service(key);
  if (!record) return done(schemas::fail(std::move(record.error())));
  const v1::ServiceRecordT* wanted = *record ? &**record : nullptr;
  spdlog::warn("{}: repair: {}{}", to_string(key), in_words(repair), repair.code.empty() ? "" : ", " + repair.code);
  Entry* entry = find(key);
  const auto held = entry != nullptr ? inventory_of(*entry) : v1::InventoryEntryT{};
  if (!held.instance.empty() && held.instance == repair.instance && held.generation == repair.generation) {
    return repair_held(*entry, wanted, repair, std::move(done));
  }
  switch (repair.action) {
    case RepairAction::start:
    case RepairAction::readopt:
      if (!held.instance.empty()) return done(not_so(fmt::format("{} runs as {}", to_string(key), held.instance)));
      if (wanted == nullptr || !projections::is_live(*wanted)) return done(not_so(to_string(key) + " is not to run"));
      return bring_back(key, *wanted, repair, std::move(done));
    default:
      if (repair.process && parts.host.adopt(identity_of(*repair.process), std::nullopt)) {
        return stop_stray(key, wanted, repair, std::move(done));
      }
      if (wanted == nullptr || !held.operation.empty()) return done(not_so("the process has ended"));
      return report_gone(key, *wanted, repair, std::move(done));
  }
}

// About the process that the runtime holds itself.
void Runtime::Impl::repair_held(Entry& entry, const v1::ServiceRecordT* record, const v1::RepairT& repair,
                                Repaired done) {
  const ServiceKey key = entry.key;
  const ProcessNumber number = entry.machine.holding()->number;
  const Identity identity = entry.processes.at(number).observed.identity;
  if (repair.process && identity_of(*repair.process) != identity) return done(not_so("it is another process"));
  const bool alive = parts.host.adopt(identity, std::nullopt).has_value();
  if (!alive) {
    if (repair.action == RepairAction::readopt) return done(not_so("the process has ended"));
    on_ended(key, number, Exit{});
    return finish_repair(key, {repair, std::move(done)}, "its end had not been noticed");
  }
  if (repair.action == RepairAction::readopt) {
    step(entry, [](ServiceMachine& machine, Instant, Actions& actions) { machine.repeat_report(actions); });
    return finish_repair(key, {repair, std::move(done)}, "reported again");
  }
  if (repair.action == RepairAction::start) return done(not_so("it runs"));
  if (should_run(record, repair.generation)) return done(not_so("it is what should run"));
  if (record == nullptr) return done(not_so("the views do not know the service: compare them with the log first"));
  if (auto anew = recover_anew(key, *record); !anew) return done(anew);
  finish_repair(key, {repair, std::move(done)}, "taken up anew by its record");
}

// A process that bears the service's marker and is nothing the runtime holds.
void Runtime::Impl::stop_stray(const ServiceKey& key, const v1::ServiceRecordT* record, const v1::RepairT& repair,
                               Repaired done) {
  const Identity identity = identity_of(*repair.process);
  const auto found = parts.host.look_up(identity);
  const bool recorded =
      record != nullptr && std::any_of(record->instances.begin(), record->instances.end(), [&](const auto& instance) {
        return instance->instance == repair.instance && instance->identity &&
               identity_of(*instance->identity) == identity;
      });
  Marker meant{parts.log.genesis().log_uuid,
               reporter.node,
               key.tenant.str(),
               key.service.str(),
               repair.generation,
               repair.instance};
  // What descends from a service of this machine may call its node what it likes.
  if (found && found->marker.node != meant.node && runs_here(identity.pid)) meant.node = found->marker.node;
  // A program that has overwritten its environment is known by its recorded identity alone.
  if (found ? found->marker != meant : !recorded) {
    return done(
        not_so(fmt::format("process {} is not instance {} of {}", identity.pid, repair.instance, to_string(key))));
  }
  auto process = parts.host.adopt(identity, meant);
  if (!process) return done(not_so("the process has ended"));
  Entry& entry = entry_of(key);
  entry.in_views = entry.in_views || record != nullptr;
  const ProcessNumber number = ++last_number;
  entry.processes[number] = Held{{repair.instance, identity}, std::move(*process)};
  stopping_repairs.emplace(number, std::pair(key, OpenRepair{repair, std::move(done)}));
  watch(entry, number);
  entry.machine.add_leftover(number, repair.generation, recorded, found && !found->leader);
  if (record != nullptr) return want(entry, *record);
  step(entry, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.want(Wish{}, now, actions); });
}

bool Runtime::Impl::runs_here(pid_t pid) const {
  Lineage lineage;
  for (const auto& [key, entry] : entries) {
    for (const auto& [number, held] : entry->processes)
      lineage.add_root(held.observed.identity, held.observed.instance);
  }
  return lineage.root_of(pid).has_value();
}

// The views list an instance that is not there, or wait to hear that a killed service is gone.
void Runtime::Impl::report_gone(const ServiceKey& key, const v1::ServiceRecordT& record, const v1::RepairT& repair,
                                Repaired done) {
  const bool recorded = std::any_of(record.instances.begin(), record.instances.end(),
                                    [&](const auto& instance) { return instance->instance == repair.instance; });
  const bool settles = record.desired == v1::Desired::stopped && record.current &&
                       record.current->generation == repair.generation && record.instances.size() <= 1;
  if (!recorded && !(repair.instance.empty() && settles && record.unsettled)) {
    return done(not_so("the process has ended, and the views do not list it"));
  }
  Entry& entry = entry_of(key);
  entry.in_views = true;
  const ProcessNumber number = ++last_number;
  entry.processes[number].observed.instance = repair.instance;
  perform(entry, {Observe{Report::stopped, repair.generation, 0, number, Exit{}, false, settles}});
  entry.processes.erase(number);
  if (entry.machine.is_done()) loop->post([this, key] { retire_if_done(key); });
  finish_repair(key, {repair, std::move(done)}, "reported as gone");
}

void Runtime::Impl::bring_back(const ServiceKey& key, const v1::ServiceRecordT& record, const v1::RepairT& repair,
                               Repaired done) {
  starting_repairs[key] = OpenRepair{repair, std::move(done)};
  auto anew = recover_anew(key, record);
  if (anew) return;
  const auto open = starting_repairs.extract(key);
  if (!open.empty()) open.mapped().done(anew);
}

// As at the daemon's start, for this service alone.
Result<void> Runtime::Impl::recover_anew(const ServiceKey& key, const v1::ServiceRecordT& record) {
  bool failed = false;
  auto found = scan_by_service({{key, record}}, failed);
  if (failed) return schemas::fail(ErrorCode::unavailable, "cannot look for running services", {}, true);
  drop_entry(key);
  recover_service(key, &record, found[key]);
  found_processes.clear();
  return {};
}

void Runtime::Impl::drop_entry(const ServiceKey& key) {
  Entry* entry = find(key);
  if (entry == nullptr) return;
  for (const auto& [generation, ticket] : entry->tickets) preparer.cancel(ticket);
  if (entry->timer) loop->cancel(*entry->timer);
  for (const auto& [number, held] : entry->processes) {
    if (held.process) --live_processes;
  }
  troubled.erase(key);
  entries.erase(key);
}

void Runtime::Impl::note_repair(Entry& entry, const Actions& actions) {
  if (starting_repairs.empty()) return;
  const auto open = starting_repairs.find(entry.key);
  if (open == starting_repairs.end()) return;
  for (const Action& action : actions) {
    const auto* observe = std::get_if<Observe>(&action);
    if (observe == nullptr) continue;
    if (observe->report == Report::recovered || observe->report == Report::started) {
      auto repaired = starting_repairs.extract(open);
      return finish_repair(entry.key, std::move(repaired.mapped()), observe->adopted ? "taken up" : "started");
    }
    if (observe->report == Report::stopped) continue;
    auto repaired = starting_repairs.extract(open);
    return repaired.mapped().done(schemas::fail(
        ErrorCode::unavailable, fmt::format("{} cannot be started: {}", to_string(entry.key), observe->reason),
        "see `solo status` and `solo logs`"));
  }
  // It is no longer wanted.
  if (!entry.machine.recovering()) {
    auto repaired = starting_repairs.extract(open);
    repaired.mapped().done(not_so(to_string(entry.key) + " is not to run any more"));
  }
}

void Runtime::Impl::note_stray_gone(ProcessNumber number) {
  auto open = stopping_repairs.extract(number);
  if (!open.empty()) finish_repair(open.mapped().first, std::move(open.mapped().second), "ended");
}

void Runtime::Impl::finish_repair(const ServiceKey& key, OpenRepair repair, const std::string& detail) {
  spdlog::warn("{}: repaired: {}: {}", to_string(key), in_words(repair.repair), detail);
  v1::DriftFixedT fixed;
  fixed.code = repair.repair.code;
  fixed.generation = repair.repair.generation;
  fixed.instance = repair.repair.instance;
  fixed.action = repair.repair.action;
  fixed.process = repair.repair.process;
  fixed.detail = detail;
  v1::EventT event;
  event.tenant = key.tenant.str();
  event.service = key.service.str();
  event.payload.Set(std::move(fixed));
  parts.publisher.publish(std::move(event));
  repair.done({});
}

}  // namespace solo::consumers
