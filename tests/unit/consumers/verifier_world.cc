#include "tests/unit/consumers/verifier_world.h"

#include <algorithm>
#include <ostream>

#include "consumers/repair_queue.h"
#include "projections/service_state.h"

namespace solo::testing {

using consumers::SeenProcess;
using schemas::ServiceKey;
using v1::RepairAction;

namespace {

constexpr const char* kTenants[] = {"acme", "globex"};

ServiceKey key_of(const std::string& tenant, const std::string& service) {
  return {schemas::TenantName::trusted(tenant), schemas::ServiceName::trusted(service)};
}

bool same(const consumers::Identity& identity, const v1::ProcessIdentityT& other) {
  return identity.pid == other.pid && identity.start_time == other.start_time;
}

}  // namespace

void showValue(const Choice& choice, std::ostream& out) { out << int(choice.kind) << "@" << int(choice.service); }

VerifierWorld::VerifierWorld() {
  inventory.node = kNode;
  inventory.run = kRun;
  desired.owners.assign(3, {kNode, kRun});
}

v1::ProcessIdentityT VerifierWorld::new_identity() {
  v1::ProcessIdentityT identity;
  identity.pid = ++last_pid_;
  identity.start_time = static_cast<std::uint64_t>(identity.pid) * 10;
  identity.boot_id = "boot";
  return identity;
}

void VerifierWorld::spawn(const ServiceKey& key, std::uint64_t generation, const std::string& instance,
                          const v1::ProcessIdentityT& identity, bool leader) {
  SeenProcess process;
  process.found.identity = {identity.pid, identity.start_time, identity.boot_id};
  process.found.marker = {"log", kNode, key.tenant.str(), key.service.str(), generation, instance};
  process.found.leader = leader;
  observed.push_back(process);
}

void VerifierWorld::record_instance(v1::ServiceRecordT& record, const std::string& instance, std::uint64_t generation,
                                    const v1::ProcessIdentityT& identity) {
  v1::InstanceT entry;
  entry.instance = instance;
  entry.generation = generation;
  entry.run = kRun;
  entry.identity = identity;
  entry.restart_epoch = record.restart_epoch;
  record.instances.emplace_back(entry);
}

void VerifierWorld::drop_instance(v1::ServiceRecordT& record, const std::string& instance) {
  std::erase_if(record.instances, [&](const auto& entry) { return entry->instance == instance; });
}

void VerifierWorld::remove_process(const v1::ProcessIdentityT& identity) {
  std::erase_if(observed, [&](const SeenProcess& process) { return same(process.found.identity, identity); });
}

VerifierWorld::Place VerifierWorld::place(const ServiceKey& key) {
  const auto record = desired.services.find(key);
  v1::InventoryEntryT* held = nullptr;
  for (auto& entry : inventory.services) {
    if (entry->tenant == key.tenant.str() && entry->service == key.service.str()) held = entry.get();
  }
  return {key, record == desired.services.end() ? nullptr : &record->second.record, held};
}

void VerifierWorld::start(const Place& at, std::uint64_t generation) {
  v1::InventoryEntryT* held = at.held;
  if (held == nullptr) {
    v1::InventoryEntryT entry;
    entry.tenant = at.key.tenant.str();
    entry.service = at.key.service.str();
    held = inventory.services.emplace_back(entry).get();
  }
  const auto identity = new_identity();
  held->instance = new_instance();
  held->generation = generation;
  held->process = identity;
  held->code_digest = at.record->current->code_digest;
  at.record->instances.clear();
  record_instance(*at.record, held->instance, generation, identity);
  at.record->phase = v1::Phase::running;
  spawn(at.key, generation, held->instance, identity);
  observed.back().code_digest = held->code_digest;
}

void VerifierWorld::add_service(std::uint8_t state) {
  const ServiceKey key = key_of(kTenants[keys_.size() % 2], "s" + std::to_string(keys_.size()));
  keys_.push_back(key);
  v1::ServiceRecordT& record = desired.services[key].record;
  record.tenant = key.tenant.str();
  record.service = key.service.str();
  v1::DeploymentT& current = record.current.ensure();
  current.generation = 5 + keys_.size();
  record.desired = v1::Desired::run;
  if (state % 2 == 0) current.code_digest = "digest-" + std::to_string(keys_.size());
  switch (state % 6) {
    case 0:
    case 1:
      record.ever_started = true;
      return start(place(key), current.generation);
    case 2: {  // Running, with children of its own and a replace under way.
      record.ever_started = true;
      start(place(key), current.generation);
      record.pending.ensure().generation = current.generation + 100;
      v1::InventoryEntryT& held = *place(key).held;
      held.pending_generation = current.generation + 100;
      spawn(key, current.generation, held.instance, new_identity(), false);
      return spawn(key, current.generation, held.instance, new_identity(), true);
    }
    case 3:
      record.phase = v1::Phase::finished;
      return;
    case 4:
      record.phase = v1::Phase::failed;
      record.reason = "restarted 5 times within 60 s";
      return;
    default:
      record.desired = v1::Desired::stopped;
      return;
  }
}

std::optional<VerifierWorld::Seeded> VerifierWorld::seed(const Choice& choice) {
  if (keys_.empty()) return std::nullopt;
  const ServiceKey key = keys_[choice.service % keys_.size()];
  const Place at = place(key);
  v1::ServiceRecordT* record = at.record;
  v1::InventoryEntryT* held = at.held;
  const auto named = [&](std::string code, RepairAction action) {
    return Seeded{std::move(code), key.tenant.str(), key.service.str(), action};
  };
  if (record == nullptr) return std::nullopt;
  const bool runs = held != nullptr && projections::is_live(*record);
  const bool killed = record->desired == v1::Desired::stopped;
  const std::uint64_t current = record->current->generation;
  const auto stray = [&](std::uint64_t generation, std::string code) {
    spawn(key, generation, "other-" + std::to_string(++last_), new_identity());
    return named(std::move(code), RepairAction::stop);
  };
  switch (choice.kind % kSeeds) {
    case 0:  // Killed in the views, held and running.
      if (!runs) return std::nullopt;
      record->desired = v1::Desired::stopped;
      return named("killed_service_is_gone", RepairAction::stop);
    case 1:  // A stray of a killed service.
      if (!killed) return std::nullopt;
      return stray(current, "killed_service_is_gone");
    case 2:  // Of an old generation.
      if (!runs) return std::nullopt;
      return stray(current - 1, "generation_is_deployed");
    case 3:  // A second instance.
      if (!runs) return std::nullopt;
      return stray(current, "one_instance");
    case 4: {  // Of a service that nobody knows.
      const ServiceKey unknown = key_of("nobody", "n" + std::to_string(++last_));
      spawn(unknown, 1, "other-1", new_identity());
      return Seeded{"process_is_known", "nobody", unknown.service.str(), RepairAction::stop};
    }
    case 5:  // It died, and the runtime does not know.
      if (!runs) return std::nullopt;
      remove_process(*held->process);
      return named("runtime_agrees_with_machine", RepairAction::start);
    case 6:  // The runtime has forgotten it.
      if (!runs) return std::nullopt;
      held->instance.clear();
      return named("runtime_agrees_with_machine", RepairAction::readopt);
    case 7:  // It is not there at all.
      if (!runs) return std::nullopt;
      std::erase_if(observed, [&](const auto& process) { return process.found.marker.instance == held->instance; });
      held->instance.clear();
      return named("deployed_service_is_live", RepairAction::start);
    case 8:  // The views list another process.
      if (!runs || record->instances.empty()) return std::nullopt;
      record->instances.front()->identity = new_identity();
      return named("views_know_the_instance", RepairAction::readopt);
    case 9:  // The views list none.
      if (!runs) return std::nullopt;
      record->instances.clear();
      return named("views_know_the_instance", RepairAction::readopt);
    case 10:  // The views list one more.
      if (!runs) return std::nullopt;
      record_instance(*record, "gone-1", current - 1, new_identity());
      return named("views_know_the_instance", RepairAction::stop);
    case 11:  // A killed one is not settled.
      if (!killed) return std::nullopt;
      record->unsettled = true;
      return named("views_know_the_instance", RepairAction::stop);
    case 12:  // Failed for no reason.
      if (record->phase != v1::Phase::failed || killed) return std::nullopt;
      record->reason.clear();
      return named("failure_has_a_reason", RepairAction::unspecified);
    case 13:  // The process runs other code.
      if (!runs || record->current->code_digest.empty()) return std::nullopt;
      for (SeenProcess& process : observed) {
        if (same(process.found.identity, *held->process)) process.code_digest = "other";
      }
      return named("code_is_deployed", RepairAction::unspecified);
    case 14:  // The views have lost it.
      if (!runs) return std::nullopt;
      desired.services.erase(key);
      return named("live_service_was_deployed", RepairAction::unspecified);
    case 15:  // Finished or failed, and a process is there.
      if (killed || projections::is_live(*record)) return std::nullopt;
      return stray(current, "ended_service_is_gone");
    case 16:  // The runtime runs an old generation.
      if (!runs) return std::nullopt;
      record->pending.reset();
      record->current->generation = current + 1000;
      return named("generation_is_deployed", RepairAction::stop);
    default:  // A killed one's end was never told.
      if (!killed) return std::nullopt;
      record_instance(*record, "gone-2", current, new_identity());
      return named("views_know_the_instance", RepairAction::stop);
  }
}

bool VerifierWorld::begin_repair(const consumers::Finding& finding) {
  return at_work_.insert(key_of(finding.tenant, finding.service)).second;
}

bool VerifierWorld::repair(std::vector<consumers::Finding> findings) {
  consumers::RepairQueue queue;
  for (consumers::Finding& finding : findings) {
    if (finding.action != RepairAction::unspecified) queue.add(finding);
  }
  for (;;) {
    const auto begun = queue.begin();
    if (begun.empty()) return true;
    for (const consumers::Finding* finding : begun) {
      if (!begin_repair(*finding)) return false;
    }
    for (const consumers::Finding* finding : begun) {
      end_repair(*finding);
      queue.ended(*finding);
    }
  }
}

void VerifierWorld::end_repair(const consumers::Finding& finding) {
  at_work_.erase(key_of(finding.tenant, finding.service));
  const Place at = place(key_of(finding.tenant, finding.service));
  const auto clear_held = [&] {
    if (at.held == nullptr) return;
    at.held->instance.clear();
    at.held->process.reset();
  };
  const bool live = at.record != nullptr && projections::is_live(*at.record);
  switch (finding.action) {
    case RepairAction::stop: {
      const bool own = at.held != nullptr && !finding.instance.empty() && at.held->instance == finding.instance;
      if (finding.process) {
        const bool leads = std::any_of(observed.begin(), observed.end(), [&](const SeenProcess& process) {
          return same(process.found.identity, *finding.process) && process.found.leader;
        });
        remove_process(*finding.process);
        std::erase_if(observed, [&](const SeenProcess& process) {
          return leads && process.found.marker.instance == finding.instance && (own || !process.found.leader);
        });
      }
      if (at.record != nullptr) {
        drop_instance(*at.record, finding.instance);
        if (at.record->desired == v1::Desired::stopped) at.record->unsettled = false;
      }
      if (own) clear_held();
      if (own && live) start(at, at.record->current->generation);
      return;
    }
    case RepairAction::start:
      if (at.held != nullptr) {
        std::erase_if(observed, [&](const auto& process) { return process.found.marker.instance == finding.instance; });
      }
      clear_held();
      return start(at, at.record->current->generation);
    case RepairAction::readopt: {
      at.held->instance = finding.instance;
      at.held->generation = finding.generation;
      at.held->process = finding.process;
      at.record->instances.clear();
      return record_instance(*at.record, finding.instance, finding.generation, *finding.process);
    }
    default:
      return;
  }
}

}  // namespace solo::testing

rc::Gen<solo::testing::Choice> rc::Arbitrary<solo::testing::Choice>::arbitrary() {
  return rc::gen::build<solo::testing::Choice>(
      rc::gen::set(&solo::testing::Choice::kind, rc::gen::inRange<std::uint8_t>(0, 18)),
      rc::gen::set(&solo::testing::Choice::service, rc::gen::inRange<std::uint8_t>(0, 32)));
}
