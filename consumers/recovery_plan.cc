#include "consumers/recovery_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "consumers/process_identity.h"
#include "projections/service_state.h"
#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

// One spawn's processes.
struct Spawn {
  const v1::InstanceT* recorded = nullptr;
  const FoundProcess* leader = nullptr;
  std::vector<const FoundProcess*> others;
};

bool older(const FoundProcess* left, const FoundProcess* right) {
  return std::tie(left->identity.start_time, left->identity.pid) <
         std::tie(right->identity.start_time, right->identity.pid);
}

const FoundProcess* leader_of(const v1::InstanceT* recorded, const std::vector<const FoundProcess*>& processes) {
  const FoundProcess* oldest = nullptr;
  for (const FoundProcess* process : processes) {
    if (recorded != nullptr && process->identity == identity_of(recorded->identity)) return process;
    if (process->leader && (oldest == nullptr || older(process, oldest))) oldest = process;
  }
  // Of a recorded instance the leader is known: another process is not it.
  return recorded != nullptr ? nullptr : oldest;
}

std::map<std::string, Spawn> by_instance(const v1::ServiceRecordT* record, const std::vector<FoundProcess>& found) {
  std::map<std::string, std::vector<const FoundProcess*>> processes;
  for (const FoundProcess& process : found) processes[process.marker.instance].push_back(&process);
  std::map<std::string, Spawn> spawns;
  for (const auto& [instance, members] : processes) {
    Spawn& spawn = spawns[instance];
    if (record != nullptr) {
      for (const auto& recorded : record->instances) {
        if (recorded->instance == instance) spawn.recorded = recorded.get();
      }
    }
    spawn.leader = leader_of(spawn.recorded, members);
    for (const FoundProcess* member : members) {
      if (member != spawn.leader) spawn.others.push_back(member);
    }
  }
  return spawns;
}

std::uint64_t generation_of(const v1::DeploymentT* deployment) { return deployment ? deployment->generation : 0; }

// Which spawn is to go on running, if any: of the pending generation (then it has been spawned, so the current one was
// stopped), or of the current one; the youngest, since an older one was replaced by it.
const Spawn* choose(const v1::ServiceRecordT* record, const std::map<std::string, Spawn>& spawns) {
  if (record == nullptr || !projections::is_live(*record)) return nullptr;
  for (const std::uint64_t generation : {generation_of(record->pending.get()), generation_of(record->current.get())}) {
    const Spawn* chosen = nullptr;
    for (const auto& [instance, spawn] : spawns) {
      if (generation == 0 || spawn.leader == nullptr || spawn.leader->marker.generation != generation) continue;
      // One that was asked to restart is to be replaced.
      if (spawn.recorded != nullptr && spawn.recorded->restart_epoch < record->restart_epoch) continue;
      if (chosen == nullptr || older(chosen->leader, spawn.leader)) chosen = &spawn;
    }
    if (chosen != nullptr) return chosen;
  }
  return nullptr;
}

// What bears no whole marker, and is younger than the process that is kept, may have been started by that one.
bool may_be_of(const Spawn* kept, const Spawn& spawn) {
  const FoundProcess* process = spawn.leader != nullptr ? spawn.leader : spawn.others.front();
  return kept != nullptr && !process->damage.empty() &&
         process->identity.start_time >= kept->leader->identity.start_time;
}

void plan_stop(const Spawn& spawn, RecoveryPlan& plan) {
  const bool has_leader = spawn.leader != nullptr;
  if (has_leader) plan.stop.push_back({*spawn.leader, spawn.recorded != nullptr, false});
  for (const FoundProcess* other : spawn.others) {
    // The rest of a leader's session goes with it.
    if (!has_leader) plan.stop.push_back({*other, false, true});
    if (has_leader && other->leader) plan.stop.push_back({*other, false, false});
  }
}

}  // namespace

RecoveryPlan plan_recovery(const v1::ServiceRecordT* record, const std::vector<FoundProcess>& found) {
  RecoveryPlan plan;
  const std::map<std::string, Spawn> spawns = by_instance(record, found);
  const Spawn* kept = choose(record, spawns);
  for (const auto& [instance, spawn] : spawns) {
    if (&spawn != kept && !may_be_of(kept, spawn)) plan_stop(spawn, plan);
  }
  if (kept != nullptr) {
    const bool pending = kept->leader->marker.generation == generation_of(record->pending.get());
    // An instance nobody recorded is the latest spawn, and that satisfied whatever had been asked for.
    const std::uint64_t epoch = kept->recorded != nullptr ? kept->recorded->restart_epoch : record->restart_epoch;
    plan.keep = RecoveryPlan::Keep{*kept->leader, pending, epoch};
  }
  if (record == nullptr) return plan;
  for (const auto& recorded : record->instances) {
    const auto spawn = spawns.find(recorded->instance);
    const bool alive = spawn != spawns.end() && spawn->second.leader != nullptr;
    if (!alive) plan.gone.push_back({recorded->instance, recorded->generation});
  }
  return plan;
}

std::vector<RecordedProcess> recorded_processes(const v1::ServiceRecordT& record) {
  std::vector<RecordedProcess> result;
  for (const auto& instance : record.instances) {
    if (instance->identity)
      result.push_back({identity_of(instance->identity), instance->instance, instance->generation});
  }
  return result;
}

}  // namespace solo::consumers
