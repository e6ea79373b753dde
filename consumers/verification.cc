// One verification, from the views to the report.
#include <fmt/format.h>

#include <algorithm>

#include "consumers/machine_scan.h"
#include "consumers/verification_report.h"
#include "consumers/verifier_impl.h"
#include "consumers/views_check.h"
#include "projections/service_state.h"
#include "schemas/partitioning.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;
using schemas::ServiceKey;
using namespace std::chrono_literals;

constexpr std::string_view kEveryTenant = "*";
/// What the runtime and the projector may take to come as far as a round needs them.
constexpr auto kCatchUp = 10s;
/// What repairs may take together: a process has its grace.
constexpr auto kForRepairs = 60s;
/// After this a report is told without them.
constexpr auto kPrompt = 200ms;

ServiceKey key_of(const std::string& tenant, const std::string& service) {
  return {schemas::TenantName::trusted(tenant), schemas::ServiceName::trusted(service)};
}

/// All services that are not killed and gone.
Result<Desired> read_desired(const std::vector<std::unique_ptr<projections::ViewSnapshot>>& snapshots) {
  Desired desired;
  for (const auto& snapshot : snapshots) {
    const auto& owner = snapshot->meta().owner;
    desired.owners.push_back(owner ? Desired::Owner{owner->node, owner->run} : Desired::Owner{});
    auto read = snapshot->services([&](const v1::ServiceRecord& record, const schemas::Hash128& hash) {
      DesiredService service;
      record.UnPackTo(&service.record);
      service.hash = hash;
      ServiceKey key = key_of(service.record.tenant, service.record.service);
      desired.services.emplace(std::move(key), std::move(service));
    });
    if (!read) return schemas::fail(std::move(read.error()));
  }
  return desired;
}

/// Adds the killed ones that the runtime holds or that run all the same.
Result<void> add_mentioned(const std::vector<std::unique_ptr<projections::ViewSnapshot>>& snapshots,
                           const v1::InventoryReportT& inventory, const Observed& observed, Desired& desired) {
  const auto add = [&](ServiceKey key) -> Result<void> {
    if (desired.services.contains(key)) return {};
    const auto partition = schemas::partition_of(key.tenant.str(), static_cast<std::int32_t>(snapshots.size()));
    auto found = snapshots[static_cast<std::size_t>(partition)]->service(key);
    if (!found) return schemas::fail(std::move(found.error()));
    if (*found) desired.services.emplace(std::move(key), DesiredService{std::move((*found)->first), (*found)->second});
    return {};
  };
  for (const auto& entry : inventory.services) {
    if (auto added = add(key_of(entry->tenant, entry->service)); !added) return added;
  }
  for (const SeenProcess& process : observed) {
    const Marker& marker = process.found.marker;
    if (marker.tenant.empty() || marker.service.empty()) continue;
    if (auto added = add(key_of(marker.tenant, marker.service)); !added) return added;
  }
  return {};
}

/// What a tenant is shown of a round.
void keep_tenant(const std::string& tenant, Round& round) {
  for (Desired* desired : {&round.before, &round.after}) {
    std::erase_if(desired->services, [&](const auto& service) { return service.first.tenant.str() != tenant; });
  }
  std::erase_if(round.inventory.services, [&](const auto& entry) { return entry->tenant != tenant; });
  std::erase_if(round.observed, [&](const SeenProcess& process) { return process.found.marker.tenant != tenant; });
}

void add_counts(const Diff& from, Diff& to) {
  for (std::size_t at = 0; at < kInvariants; ++at) {
    to.checked[at] += from.checked[at];
    to.unnamed[at] += from.unnamed[at];
  }
}

}  // namespace

Result<Verifier::Impl::Snapshots> Verifier::Impl::take_snapshots() const {
  Snapshots snapshots;
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    auto snapshot = parts.views.partition(partition).snapshot();
    if (!snapshot) return schemas::fail(std::move(snapshot.error()));
    snapshots.push_back(std::move(*snapshot));
  }
  return snapshots;
}

Result<v1::InventoryReportT> Verifier::Impl::take_inventory(const schemas::Cut& cut) {
  using Answer = Result<v1::InventoryReportT>;
  const Instant deadline = std::chrono::steady_clock::now() + kCatchUp;
  auto slot = std::make_shared<std::optional<Answer>>();
  parts.runtime.inventory(cut, deadline, [slot, box = mailbox](Answer answer) {
    {
      const std::lock_guard lock(box->mutex);
      slot->emplace(std::move(answer));
    }
    box->changed.notify_all();
  });
  auto answer = await(slot, deadline + 1s);
  if (answer) return *std::move(answer);
  return schemas::fail(ErrorCode::unavailable, stopping() ? "the daemon is stopping" : "the runtime does not answer",
                       {}, true);
}

Result<void> Verifier::Impl::wait_for_end_of_log() {
  schemas::Cut end;
  for (std::int32_t partition = 0; partition < parts.log.partitions(); ++partition) {
    const auto bounds = parts.log.bounds_now(partition);
    if (!bounds) return schemas::fail(bounds.error());
    if (bounds->end > 0) end.positions.push_back({partition, bounds->end - 1});
  }
  return parts.projector.wait_for(end, std::chrono::steady_clock::now() + kCatchUp);
}

Result<Round> Verifier::Impl::take_round() {
  Round round;
  const auto first = take_snapshots();
  if (!first) return schemas::fail(first.error());
  for (const auto& snapshot : *first) {
    const std::int64_t next = snapshot->meta().next_offset;
    if (next > 0) round.cut.positions.push_back({snapshot->partition(), next - 1});
  }
  auto before = read_desired(*first);
  if (!before) return schemas::fail(std::move(before.error()));
  round.before = *std::move(before);
  auto inventory = take_inventory(round.cut);
  if (!inventory) return schemas::fail(std::move(inventory.error()));
  round.inventory = *std::move(inventory);
  auto observed =
      scan_machine(parts.host, {parts.log.genesis().log_uuid, round.inventory.node, round.before, round.inventory});
  if (!observed) return schemas::fail(std::move(observed.error()));
  round.observed = *std::move(observed);
  // What was seen until now is in the log, or on its way; then it is pending.
  if (auto reached = wait_for_end_of_log(); !reached) return schemas::fail(std::move(reached.error()));
  const auto second = take_snapshots();
  if (!second) return schemas::fail(second.error());
  auto after = read_desired(*second);
  if (!after) return schemas::fail(std::move(after.error()));
  round.after = *std::move(after);
  for (const auto& [snapshots, desired] : {std::pair(&*first, &round.before), std::pair(&*second, &round.after)}) {
    if (auto added = add_mentioned(*snapshots, round.inventory, round.observed, *desired); !added) {
      return schemas::fail(std::move(added.error()));
    }
  }
  return round;
}

Result<Diff> Verifier::Impl::take_rounds(const std::string& tenant, v1::VerificationReportT& report) {
  VerifierRounds rounds;
  Round last;
  do {
    if (rounds.next() && !sleep_until(*rounds.next())) {
      return schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true);
    }
    const Instant began = std::chrono::steady_clock::now();
    auto round = take_round();
    if (!round) return schemas::fail(std::move(round.error()));
    last = *std::move(round);
    rounds.add(last, began);
  } while (rounds.next());
  Diff found = rounds.take();
  report.position = schemas::to_string(last.cut);
  report.total_events = 0;
  for (const auto& position : last.cut.positions)
    report.total_events += static_cast<std::uint64_t>(position.offset) + 1;
  if (tenant != kEveryTenant) {
    keep_tenant(tenant, last);
    Diff own = settled_differences(last);
    found.checked = own.checked;
    found.at_work = own.at_work;
  }
  report.total_deployed = static_cast<std::uint64_t>(
      std::count_if(last.before.services.begin(), last.before.services.end(),
                    [](const auto& service) { return projections::is_live(service.second.record); }));
  return found;
}

Result<void> Verifier::Impl::check_views(bool rebuild, Diff& diff) {
  const auto go_on = [this] { return !stopping(); };
  for (std::int32_t partition = 0; partition < parts.views.partitions(); ++partition) {
    if (!check_view(parts.views.partition(partition), parts.log, go_on, diff)) {
      return schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true);
    }
    if (!rebuild) continue;
    ReplayOptions replay{options.scratch, parts.log.genesis().log_uuid, parts.log.partitions(), parts.open_reader,
                         [&](std::int64_t) { return go_on(); }};
    auto judged = judge_replay(partition, compare_with_replay(parts.views.partition(partition), replay), diff);
    if (!judged) return judged;
  }
  return {};
}

Result<v1::VerificationReportT> Verifier::Impl::verify_now(const producers::VerifyOrder& order, RepairBudget& budget) {
  const Instant began = parts.clock.now();
  const bool whole = order.tenant == kEveryTenant;
  v1::VerificationReportT report;
  report.node = parts.node;
  report.run = parts.run;
  report.rebuilt = order.rebuild;
  report.dry_run = order.dry_run;
  Diff views;
  if (auto checked = check_views(order.rebuild, views); !checked) return schemas::fail(std::move(checked.error()));
  auto found = take_rounds(order.tenant, report);
  if (!found) return schemas::fail(std::move(found.error()));
  // Judged by what was found of all; then a tenant is told of its own.
  Diff diff = *std::move(found);
  diff.findings.insert(diff.findings.begin(), views.findings.begin(), views.findings.end());
  const RepairGate gate(diff.findings, diff.foreign);
  if (whole) {
    add_counts(views, diff);
  } else {
    std::erase_if(diff.findings, [&](const Finding& finding) { return finding.tenant != order.tenant; });
  }
  const auto finish = [&] {
    put_findings(diff, report);
    report.time = parts.clock.wall_us();
    report.duration_us = std::chrono::duration_cast<std::chrono::microseconds>(parts.clock.now() - began).count();
  };
  Repairs repairs{.budget = budget, .verification = began};
  for (Finding& finding : diff.findings) {
    finding.repair = why_not(order, gate, budget, finding);
    if (finding.repair.empty()) queue_repair(repairs, finding);
  }
  if (!carry_out(repairs, kPrompt)) {
    finish();
    announce(order, report);
    if (!carry_out(repairs, kForRepairs)) give_up(repairs);
  }
  finish();
  return report;
}

}  // namespace solo::consumers
