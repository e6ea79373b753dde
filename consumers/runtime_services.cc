#include <spdlog/spdlog.h>

#include <utility>
#include <variant>

#include "consumers/runtime_impl.h"
#include "consumers/spec_digest.h"
#include "schemas/crash_point.h"
#include "schemas/partitioning.h"

namespace solo::consumers {

namespace {

using schemas::Result;
using schemas::ServiceKey;

// How much of its last output goes with a crash.
constexpr std::size_t kTailBytes = 4096;
// Outputs are checked so many times as often while one of them is over its cap.
constexpr int kFloodHurry = 10;
// How often a runtime that holds back looks whether its observations have become durable.
constexpr std::chrono::milliseconds kHoldBack{50};

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

std::string describe(Exit end) {
  if (end.kind == ExitKind::exited) return "exit status " + std::to_string(end.value);
  if (end.kind == ExitKind::signaled) return "signal " + std::to_string(end.value);
  return "end not seen";
}

}  // namespace

void Runtime::Impl::on_change(const projections::ViewChange& change) {
  {
    const std::lock_guard lock(mutex);
    changed.insert(change.services.begin(), change.services.end());
    owner_changed = owner_changed || change.owner_changed;
    applied[change.partition] = change.next_offset;
    if (std::exchange(change_posted, true)) return;
  }
  loop->post([this] { take_changes(); });
}

void Runtime::Impl::take_changes() {
  std::set<ServiceKey> services;
  bool new_owner = false;
  std::map<std::int32_t, std::int64_t> next_offsets;
  {
    const std::lock_guard lock(mutex);
    services.swap(changed);
    next_offsets = applied;
    new_owner = std::exchange(owner_changed, false);
    change_posted = false;
  }
  if (stage != Stage::acting) {
    advance();
    if (stage == Stage::gateway_only) note_reconciled(next_offsets);
    return;
  }
  if (new_owner) note_owners();
  for (const ServiceKey& key : services) {
    // Nothing is started any more, and what has ended is done with: the next start reads its record anyway.
    if (const Entry* entry = find(key); stopping && (entry == nullptr || entry->machine.quiet())) continue;
    refresh(key);
  }
  note_reconciled(next_offsets);
}

bool Runtime::Impl::put_off(const ServiceKey& key) {
  Entry* entry = find(key);
  if (entry == nullptr) return false;
  if (entry->put_off) return true;
  const Instant now = parts.clock.now();
  const Instant next = entry->pace.next(now);
  if (next <= now) return false;
  entry->put_off = true;
  loop->at(next, [this, key] {
    if (Entry* due = find(key); due != nullptr) due->put_off = false;
    refresh(key);
    retire_if_done(key);
  });
  return true;
}

void Runtime::Impl::refresh(const ServiceKey& key) {
  if (put_off(key)) return;
  const auto record = parts.views.of(key.tenant).service(key);
  if (!record) {
    spdlog::error("cannot read the record of {}: {}", to_string(key), record.error().message);
    return;
  }
  if (!*record) return;
  const bool concerns_us = (*record)->desired == v1::Desired::run || (*record)->unsettled || find(key) != nullptr;
  if (concerns_us && !frozen) want(entry_of(key), **record);
}

void Runtime::Impl::want(Entry& entry, const v1::ServiceRecordT& record) {
  entry.in_views = true;
  entry.deployments.clear();
  for (const auto* deployment : {record.current.get(), record.pending.get()}) {
    if (deployment != nullptr && deployment->spec) entry.deployments.emplace(deployment->generation, *deployment);
  }
  const bool acted = step(entry, [&](ServiceMachine& machine, Instant now, Actions& actions) {
    machine.want(wish_of(record), now, actions);
  });
  if (acted) entry.pace.followed(parts.clock.now());
}

Runtime::Impl::Entry& Runtime::Impl::entry_of(const ServiceKey& key) {
  auto& slot = entries[key];
  if (!slot) {
    const std::int32_t partition = schemas::partition_of(key.tenant.str(), parts.views.partitions());
    slot = std::make_unique<Entry>(key, partition, last_number, parts.entropy);
    const bool allowed = owned[static_cast<std::size_t>(partition)] && !stopping;
    Actions none;
    slot->machine.allow(allowed, parts.clock.now(), none);
  }
  return *slot;
}

Runtime::Impl::Entry* Runtime::Impl::find(const ServiceKey& key) {
  const auto found = entries.find(key);
  return found == entries.end() ? nullptr : found->second.get();
}

void Runtime::Impl::perform(Entry& entry, const Actions& actions) {
  for (const Action& action : actions) {
    std::visit(Overloaded{[&](const Prepare& prepare) { perform_prepare(entry, prepare.generation); },
                          [&](const CancelPrepare& cancel) { perform_cancel(entry, cancel.generation); },
                          [&](const Spawn& spawn) { perform_spawn(entry, spawn); },
                          [&](const Signal& signal) {
                            const auto held = entry.processes.find(signal.number);
                            if (held != entry.processes.end() && held->second.process) {
                              held->second.process->signal_group(signal.signal);
                              schemas::crash_point("signalled");
                            }
                          },
                          [&](const Observe& observe) { perform_observe(entry, observe); }},
               action);
  }
}

void Runtime::Impl::perform_prepare(Entry& entry, std::uint64_t generation) {
  const Preparer::Ticket ticket = preparer.prepare(
      PrepareOrder{entry.key, entry.deployments.at(generation)},
      [this, key = entry.key, generation](auto outcome) { on_prepared(key, generation, std::move(outcome)); });
  entry.tickets[generation] = ticket;
}

void Runtime::Impl::perform_cancel(Entry& entry, std::uint64_t generation) {
  const auto ticket = entry.tickets.find(generation);
  if (ticket == entry.tickets.end()) return;
  preparer.cancel(ticket->second);
  entry.tickets.erase(ticket);
}

void Runtime::Impl::on_prepared(const ServiceKey& key, std::uint64_t generation,
                                tl::expected<ReadyProgram, StartFailure> outcome) {
  Entry* entry = find(key);
  if (entry == nullptr || frozen) return;
  entry->tickets.erase(generation);
  schemas::crash_point("prepared");
  if (outcome) entry->ready[generation] = std::move(*outcome);
  step(*entry, [&](ServiceMachine& machine, Instant now, Actions& actions) {
    if (outcome) {
      machine.prepared(generation, now, actions);
    } else {
      machine.prepare_failed(generation, outcome.error(), now, actions);
    }
  });
}

void Runtime::Impl::perform_spawn(Entry& entry, const Spawn& spawn) {
  const ServiceKey& key = entry.key;
  const std::string instance = schemas::instance_id(reporter.run, spawn.number);
  const Marker marker{
      parts.log.genesis().log_uuid, reporter.node, key.tenant.str(), key.service.str(), spawn.generation, instance};
  SpawnRequest request;
  request.argv = std::move(entry.ready.at(spawn.generation).argv);
  request.directory = files.directory(key);
  request.output = files.output(key);
  request.environment =
      service_environment(marker, request.directory.string(), *entry.deployments.at(spawn.generation).spec,
                          {options.path, options.lang, options.timezone});
  entry.ready.erase(spawn.generation);
  Held& held = entry.processes[spawn.number];
  held.observed.instance = instance;
  held.spec_digest = spec_digest(*entry.deployments.at(spawn.generation).spec);
  ++spawns_in_flight;
  // What a start would report has nowhere to go just now.
  if (parts.publisher.saturated()) {
    if (deferred.empty()) loop->at(parts.clock.now() + kHoldBack, [this] { spawn_deferred(); });
    deferred.push_back({key, spawn.number, std::move(request), spawn.timeout});
    return;
  }
  spawn_now(key, spawn.number, std::move(request), spawn.timeout);
}

void Runtime::Impl::spawn_deferred() {
  if (parts.publisher.saturated() && !stopping) {
    loop->at(parts.clock.now() + kHoldBack, [this] { spawn_deferred(); });
    return;
  }
  for (Deferred& one : std::exchange(deferred, {})) {
    if (stopping) {
      on_spawned(one.key, one.number, schemas::fail(schemas::ErrorCode::unavailable, "the daemon is stopping"));
    } else {
      spawn_now(one.key, one.number, std::move(one.request), one.timeout);
    }
  }
}

void Runtime::Impl::spawn_now(const ServiceKey& key, ProcessNumber number, SpawnRequest request,
                              std::chrono::milliseconds timeout) {
  auto spawned = [this, loop_alive = loop, key, number](Result<std::unique_ptr<Process>> process) {
    auto shared = std::make_shared<Result<std::unique_ptr<Process>>>(std::move(process));
    loop_alive->post([this, key, number, shared] { on_spawned(key, number, std::move(*shared)); });
  };
  parts.host.spawn(std::move(request), timeout, std::move(spawned));
}

void Runtime::Impl::on_spawned(const ServiceKey& key, ProcessNumber number, Result<std::unique_ptr<Process>> spawned) {
  --spawns_in_flight;
  Entry& entry = *entries.at(key);
  if (!spawned) {
    entry.processes.erase(number);
    const schemas::Error& error = spawned.error();
    spdlog::debug("{}: {}", to_string(key), error.message);
    const bool may_pass = error.retryable && error.code != schemas::ErrorCode::deadline_exceeded;
    step(entry, [&](ServiceMachine& machine, Instant now, Actions& actions) {
      machine.spawn_failed(number, StartFailure{error.message, error.hint, may_pass}, now, actions);
    });
    return;
  }
  Held& held = entry.processes.at(number);
  held.process = std::move(*spawned);
  held.observed.identity = held.process->identity();
  spdlog::info("{} runs as process {}", to_string(key), held.observed.identity.pid);
  watch(entry, number);
  step(entry, [&](ServiceMachine& machine, Instant now, Actions& actions) { machine.spawned(number, now, actions); });
}

void Runtime::Impl::watch(Entry& entry, ProcessNumber number) {
  ++live_processes;
  parts.host.watch(*entry.processes.at(number).process, [this, loop_alive = loop, key = entry.key, number](Exit end) {
    loop_alive->post([this, key, number, end] { on_ended(key, number, end); });
  });
}

void Runtime::Impl::on_ended(const ServiceKey& key, ProcessNumber number, Exit end) {
  Entry* entry = find(key);
  // Its service has been taken up anew: it is no longer known by this number.
  if (entry != nullptr && !entry->processes.contains(number)) return;
  --live_processes;
  if (entry == nullptr || frozen) return;
  schemas::crash_point("ended");
  spdlog::info("{}: process {} has ended ({})", to_string(key), entry->processes[number].observed.identity.pid,
               describe(end));
  if (leftovers.erase(number) != 0) ++report.stopped;
  ended_outputs.insert(key);
  entry->processes[number].process.reset();
  step(*entry,
       [&](ServiceMachine& machine, Instant now, Actions& actions) { machine.ended(number, end, now, actions); });
  entry->processes.erase(number);
  note_stray_gone(number);
}

void Runtime::Impl::perform_observe(Entry& entry, const Observe& observe) {
  const bool with_output = observe.report == Report::crashed || observe.report == Report::failed;
  std::string tail;
  if (with_output) {
    if (auto output = files.tail(entry.key, kTailBytes)) tail = std::move(output->text);
  }
  if (!observe.reason.empty()) spdlog::warn("{}: {}", to_string(entry.key), observe.reason);
  const auto held = entry.processes.find(observe.number);
  const ObservedProcess process = held != entry.processes.end() ? held->second.observed : ObservedProcess{};
  // Nobody knows of a service that has no record.
  if (!entry.in_views) return;
  auto& waiting = unpublished[entry.key];
  if (!waiting) waiting = std::make_shared<std::atomic<std::uint32_t>>(0);
  waiting->fetch_add(1);
  parts.publisher.publish(observation_event(reporter, entry.key, observe, process, tail),
                          [waiting](schemas::Position) { waiting->fetch_sub(1); });
}

void Runtime::Impl::settle(Entry& entry) {
  const auto deadline = entry.machine.deadline();
  if (!entry.timer || !deadline || entry.timer->first != *deadline) {
    if (entry.timer) loop->cancel(*std::exchange(entry.timer, std::nullopt));
    if (deadline && !frozen) {
      entry.timer = loop->at(*deadline, [this, key = entry.key] {
        Entry* due = find(key);
        if (due == nullptr) return;
        due->timer.reset();
        step(*due, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.tick(now, actions); });
      });
    }
  }
  if (entry.machine.waiting_for().empty()) {
    troubled.erase(entry.key);
  } else {
    troubled.insert(entry.key);
  }
  // Not here: whoever called still holds the entry.
  if (entry.machine.is_done()) loop->post([this, key = entry.key] { retire_if_done(key); });
}

void Runtime::Impl::retire_if_done(const ServiceKey& key) {
  const Entry* entry = find(key);
  if (entry == nullptr || !entry->machine.is_done() || !entry->tickets.empty() || entry->put_off) return;
  troubled.erase(key);
  entries.erase(key);
}

void Runtime::Impl::check_outputs_in(std::chrono::milliseconds pause) {
  loop->at(parts.clock.now() + pause, [this] { check_outputs(); });
}

void Runtime::Impl::check_outputs() {
  std::set<ServiceKey> services = std::exchange(ended_outputs, {});
  for (const auto& [key, entry] : entries) {
    if (!entry->processes.empty()) services.insert(key);
  }
  preparer.run_on_pool([this, services = std::move(services)] {
    bool flooded = false;
    for (const ServiceKey& key : services) {
      const auto capped = files.cap_output(key, options.output_cap);
      flooded = flooded || capped.value_or(false);
      if (!capped && capped.error().code != schemas::ErrorCode::not_found) {
        spdlog::debug("{}", capped.error().message);
      }
    }
    const auto pause = flooded ? options.output_check / kFloodHurry : options.output_check;
    loop->post([this, pause] { check_outputs_in(pause); });
  });
}

}  // namespace solo::consumers
