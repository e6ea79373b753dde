#include "consumers/verifier_rounds.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace solo::consumers {

namespace {

using schemas::ServiceKey;

struct Busy {
  /// With something under way, or something that was seen of them still on its way into the log.
  std::set<ServiceKey> at_work;
  /// They have no process now: whatever runs of them is a stray, and the rest is to be seen when they are back.
  std::set<ServiceKey> between_restarts;
};

Busy busy_services(const v1::InventoryReportT& inventory) {
  Busy busy;
  for (const auto& entry : inventory.services) {
    if (entry->operation.empty() && entry->observations_pending == 0) continue;
    const bool waits = entry->operation == kBetweenRestarts && entry->observations_pending == 0;
    (waits ? busy.between_restarts : busy.at_work)
        .insert({schemas::TenantName::trusted(entry->tenant), schemas::ServiceName::trusted(entry->service)});
  }
  return busy;
}

bool unchanged(const Round& round, const ServiceKey& key) {
  const auto before = round.before.services.find(key);
  const auto after = round.after.services.find(key);
  const bool was = before != round.before.services.end();
  const bool is = after != round.after.services.end();
  return was == is && (!was || before->second.hash == after->second.hash);
}

/// About a process that should not run.
bool is_stray(const Finding& finding) {
  for (const Invariant invariant :
       {Invariant::process_is_known, Invariant::killed_service_is_gone, Invariant::ended_service_is_gone,
        Invariant::generation_is_deployed, Invariant::one_instance}) {
    if (finding.code == info_of(invariant).name) return static_cast<bool>(finding.process);
  }
  return false;
}

/// The invariant, and by which instance it is broken. Not by which process: one that keeps changing its number breaks
/// it all the while.
auto subject_of(const Finding& finding) {
  return std::tuple(finding.code, finding.tenant, finding.service, finding.instance);
}

/// Services that were looked at while they were at work or changed.
std::uint64_t count_at_work(const Round& round, const std::set<ServiceKey>& at_work) {
  std::set<ServiceKey> all = at_work;
  for (const Desired* desired : {&round.before, &round.after}) {
    for (const auto& [key, service] : desired->services) {
      if (!unchanged(round, key)) all.insert(key);
    }
  }
  return all.size();
}

}  // namespace

bool is_same(const Finding& left, const Finding& right) { return subject_of(left) == subject_of(right); }

bool has_reconciled(const v1::InventoryReportT& inventory, const schemas::Cut& cut) {
  const auto reconciled = schemas::parse_cut(inventory.reconciled);
  if (!reconciled) return false;
  return std::all_of(cut.positions.begin(), cut.positions.end(), [&](const schemas::Position& wanted) {
    return std::any_of(reconciled->positions.begin(), reconciled->positions.end(), [&](const schemas::Position& is) {
      return is.partition == wanted.partition && is.offset >= wanted.offset;
    });
  });
}

Diff settled_differences(const Round& round) {
  Diff found = diff(round.before, round.inventory, round.observed);
  const bool reconciled = has_reconciled(round.inventory, round.cut);
  const Busy busy = busy_services(round.inventory);
  found.at_work = count_at_work(round, busy.at_work);
  std::erase_if(found.findings, [&](const Finding& finding) {
    if (!reconciled) return true;
    // About the node, not a service.
    if (finding.service.empty()) return round.before.owners != round.after.owners;
    const ServiceKey key{schemas::TenantName::trusted(finding.tenant), schemas::ServiceName::trusted(finding.service)};
    if (busy.between_restarts.contains(key) && !is_stray(finding)) return true;
    return !unchanged(round, key) || busy.at_work.contains(key);
  });
  return found;
}

void VerifierRounds::add(const Round& round, Instant began) {
  last_ = settled_differences(round);
  next_.reset();
  if (!suspects_) {
    if (!last_.findings.empty()) next_ = began + kApart;
    suspects_ = std::exchange(last_.findings, {});
    return;
  }
  std::set<decltype(subject_of(Finding()))> suspected;
  for (const Finding& suspect : *suspects_) suspected.insert(subject_of(suspect));
  std::erase_if(last_.findings, [&](const Finding& finding) { return !suspected.contains(subject_of(finding)); });
}

}  // namespace solo::consumers
