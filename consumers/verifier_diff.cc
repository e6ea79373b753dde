#include "consumers/verifier_diff.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "consumers/process_identity.h"
#include "consumers/service_comparison.h"
#include "schemas/partitioning.h"

namespace solo::consumers {

namespace {

using schemas::ServiceKey;

ServiceKey key_of(const Marker& marker) {
  return {schemas::TenantName::trusted(marker.tenant), schemas::ServiceName::trusted(marker.service)};
}

std::map<ServiceKey, ServiceSubject> subjects_of(const Desired& desired, const v1::InventoryReportT& inventory,
                                                 const std::vector<const SeenProcess*>& processes) {
  std::map<ServiceKey, ServiceSubject> subjects;
  for (const auto& [key, service] : desired.services) subjects[key].record = &service.record;
  for (const auto& entry : inventory.services) {
    subjects[{schemas::TenantName::trusted(entry->tenant), schemas::ServiceName::trusted(entry->service)}].held =
        entry.get();
  }
  for (const SeenProcess* process : processes) {
    subjects[key_of(process->found.marker)].processes.push_back(process);
  }
  return subjects;
}

const Desired::Owner& owner_of(const Desired& desired, std::string_view tenant) {
  const auto partition = schemas::partition_of(tenant, static_cast<std::int32_t>(desired.owners.size()));
  return desired.owners[static_cast<std::size_t>(partition)];
}

/// What the runtime holds, by instance: it may have adopted what another node had spawned, whose marker that bears.
std::set<std::string_view> held_instances(const v1::InventoryReportT& inventory) {
  std::set<std::string_view> held;
  for (const auto& entry : inventory.services) {
    if (!entry->instance.empty()) held.insert(entry->instance);
  }
  return held;
}

/// One finding per tenant and other node that runs services of it on this machine which are not its.
void check_nodes(const Desired& desired, const v1::InventoryReportT& inventory, const Observed& observed, Diff& diff) {
  std::map<std::pair<std::string, std::string>, std::vector<const SeenProcess*>> foreign;
  const auto held = held_instances(inventory);
  std::set<std::pair<std::string_view, std::string_view>> at_work;
  for (const auto& entry : inventory.services) {
    if (!entry->operation.empty() && entry->operation != kBetweenRestarts)
      at_work.emplace(entry->tenant, entry->service);
  }
  for (const SeenProcess& process : observed) {
    const Marker& marker = process.found.marker;
    // A service's of this machine, whatever it calls its node; or nobody's.
    if (!process.holder.empty() || !process.found.damage.empty()) continue;
    // Adopted, or being stopped, after a take-over.
    if (held.contains(marker.instance) || at_work.contains({marker.tenant, marker.service})) continue;
    if (marker.node == inventory.node || marker.node == owner_of(desired, marker.tenant).node) continue;
    foreign[{marker.tenant, marker.node}].push_back(&process);
    diff.foreign.insert(key_of(marker));
  }
  for (const auto& [whose, processes] : foreign) {
    const auto& [tenant, node] = whose;
    Finding& finding = diff.findings.emplace_back(finding_of(Invariant::one_runtime));
    finding.tenant = tenant;
    finding.expected = "no services of a node that does not own them";
    finding.found = fmt::format("{} processes of node {}", processes.size(), node);
    finding.process.ensure() = to_record(processes.front()->found.identity);
    finding.evidence =
        fmt::format("{}/{}: {}", tenant, processes.front()->found.marker.service, evidence_of(*processes.front()));
  }
}

/// A process of this log that does not say whole whose it is: it cannot be told what ending it would end, so it is left
/// alone. The descendants of what the runtime holds end with that, whatever they have made of their environment.
void check_damaged(const SeenProcess& process, Diff& diff) {
  ++diff.checked[static_cast<std::size_t>(Invariant::process_is_known)];
  if (!process.holder.empty()) return;
  const Marker& marker = process.found.marker;
  Finding& finding = diff.findings.emplace_back(finding_of(Invariant::process_is_known));
  if (!marker.tenant.empty() && !marker.service.empty()) {
    finding.tenant = marker.tenant;
    finding.service = marker.service;
  }
  finding.generation = marker.generation;
  finding.instance = marker.instance;
  finding.expected = "a whole marker of a service on every process that bears this log's";
  finding.found = fmt::format("process {} with a damaged marker: {}", process.found.identity.pid, process.found.damage);
  finding.process.ensure() = to_record(process.found.identity);
  finding.evidence = evidence_of(process);
}

}  // namespace

Diff diff(const Desired& desired, const v1::InventoryReportT& inventory, const Observed& observed) {
  Diff result;
  std::vector<const SeenProcess*> own;
  const auto held = held_instances(inventory);
  for (const SeenProcess& process : observed) {
    const Marker& marker = process.found.marker;
    if (!process.found.damage.empty()) {
      check_damaged(process, result);
      continue;
    }
    const bool ours = marker.node == inventory.node || held.contains(marker.instance) || !process.holder.empty();
    if (ours) own.push_back(&process);
  }
  check_nodes(desired, inventory, observed, result);
  const auto partitions = static_cast<std::int32_t>(desired.owners.size());
  std::set<std::int32_t> disputed;
  for (const auto& [key, subject] : subjects_of(desired, inventory, own)) {
    const auto partition = schemas::partition_of(key.tenant.str(), partitions);
    const std::string& owner = desired.owners[static_cast<std::size_t>(partition)].run;
    ++result.checked[static_cast<std::size_t>(Invariant::one_runtime)];
    if (owner == inventory.run) {
      compare_service(key, subject, result);
    } else if (subject.held != nullptr && !subject.held->instance.empty() && subject.held->operation.empty() &&
               disputed.insert(partition).second) {
      // One that it is stopping is on its way out.
      Finding& finding = result.findings.emplace_back(finding_of(Invariant::one_runtime));
      finding.expected = owner.empty() ? "no run has claimed the partition" : "run " + owner + " has the services";
      finding.found = "run " + inventory.run + " holds services, too";
      finding.evidence = fmt::format("partition {}, {}", partition, to_string(key));
    }
  }
  return result;
}

}  // namespace solo::consumers
