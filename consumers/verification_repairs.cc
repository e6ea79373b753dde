// A verification's repairs: which are carried out, and what came of each.
#include <fmt/format.h>

#include <algorithm>

#include "consumers/process_identity.h"
#include "consumers/verifier_impl.h"

namespace solo::consumers {

namespace {

using schemas::Result;
using schemas::ServiceKey;

ServiceKey key_of(const Finding& finding) {
  return {schemas::TenantName::trusted(finding.tenant), schemas::ServiceName::trusted(finding.service)};
}

v1::RepairT repair_of(const Finding& finding) {
  v1::RepairT repair;
  repair.service = finding.service;
  repair.generation = finding.generation;
  repair.instance = finding.instance;
  repair.action = finding.action;
  repair.process = finding.process;
  repair.code = finding.code;
  return repair;
}

std::string advice_for(const Finding& finding) {
  for (const InvariantInfo& info : all_invariants()) {
    if (info.name == finding.code) return std::string(info.advice);
  }
  return {};
}

/// The runtime has not touched anything: things are not so any more, or the service is at work.
bool was_refused(const Result<void>& answer) {
  return !answer && answer.error().code == schemas::ErrorCode::failed_precondition;
}

bool is_stray(const Finding& finding) {
  return finding.action == v1::RepairAction::stop && finding.process &&
         finding.code != info_of(Invariant::views_know_the_instance).name;
}

}  // namespace

std::string Verifier::Impl::why_not(const producers::VerifyOrder& order, const RepairGate& gate,
                                    const RepairBudget& budget, const Finding& finding) const {
  const std::string action = v1::EnumNameRepairAction(finding.action);
  if (finding.action == v1::RepairAction::unspecified) return "left alone: " + advice_for(finding);
  const ServiceKey service = key_of(finding);
  if (const std::string reason = gate.reason(service); !reason.empty()) {
    return fmt::format("left alone, {} would be next: {}", action, reason);
  }
  if (order.dry_run) return "would be mended: " + action;
  if (!order.fix) return fmt::format("left alone: {} would mend it, and was not asked for", action);
  const Instant now = parts.clock.now();
  if (budget.allows(service, now)) return {};
  const auto spent = budget.spent(service, now);
  return fmt::format("left alone for now: repaired in {} verifications within {} s ({} repairs tried, {} done); {}",
                     spent.verifications, budget.limits().window.count(), spent.tried, spent.done, advice_for(finding));
}

void Verifier::Impl::queue_repair(Repairs& repairs, Finding& finding) {
  finding.repair = "waits for another repair of its service";
  repairs.queue.add(finding);
}

bool Verifier::Impl::carry_out(Repairs& repairs, std::chrono::milliseconds patience) {
  const Instant deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    for (Finding* finding : repairs.queue.begin()) begin_repair(repairs, *finding);
    if (repairs.under_way.empty()) return true;
    if (!await_any(repairs, deadline)) return false;
    std::vector<Repair> ended;
    {
      const std::lock_guard lock(mailbox->mutex);
      const auto first = std::partition(repairs.under_way.begin(), repairs.under_way.end(),
                                        [](const Repair& repair) { return !repair.slot->has_value(); });
      ended.assign(first, repairs.under_way.end());
      repairs.under_way.erase(first, repairs.under_way.end());
    }
    for (const Repair& repair : ended) end_repair(repairs, repair);
  }
}

void Verifier::Impl::begin_repair(Repairs& repairs, Finding& finding) {
  finding.repair = "under way";
  auto slot = std::make_shared<std::optional<Result<void>>>();
  repairs.under_way.push_back({&finding, slot});
  parts.runtime.repair(key_of(finding), repair_of(finding), [slot, box = mailbox](const Result<void>& answer) {
    {
      const std::lock_guard lock(box->mutex);
      slot->emplace(answer);
    }
    box->changed.notify_all();
  });
}

bool Verifier::Impl::await_any(const Repairs& repairs, Instant deadline) const {
  const auto has_ended = [](const Repair& repair) { return repair.slot->has_value(); };
  const auto any = [&] { return std::any_of(repairs.under_way.begin(), repairs.under_way.end(), has_ended); };
  std::unique_lock lock(mailbox->mutex);
  mailbox->changed.wait_until(lock, deadline, [&] { return mailbox->stopping || any(); });
  return any();
}

void Verifier::Impl::end_repair(Repairs& repairs, const Repair& repair) {
  Finding& finding = *repair.finding;
  const Result<void>& answer = **repair.slot;
  const ServiceKey service = key_of(finding);
  repairs.queue.ended(finding);
  if (!was_refused(answer)) repairs.budget.charge(service, repairs.verification, answer.has_value());
  finding.repaired = answer.has_value();
  finding.repair = answer ? fmt::format("mended: {}", v1::EnumNameRepairAction(finding.action))
                          : "not mended: " + answer.error().message;
  const std::pair instance(service, finding.instance);
  if (answer) {
    repairs.mended.insert(instance);
  } else if (is_stray(finding) && repairs.mended.contains(instance) && is_gone(*finding.process)) {
    finding.repaired = true;
    finding.repair = "mended: it ended with another of its instance";
  }
}

bool Verifier::Impl::is_gone(const v1::ProcessIdentityT& process) const {
  const auto held = parts.host.adopt(identity_of(process), std::nullopt);
  return !held && held.error().code == schemas::ErrorCode::not_found;
}

void Verifier::Impl::give_up(Repairs& repairs) {
  for (const Repair& repair : repairs.under_way) {
    repairs.budget.charge(key_of(*repair.finding), repairs.verification, false);
  }
  for (Finding* finding : repairs.queue.drop_waiting()) {
    finding->repair = "not mended: others of its service took too long; the next verification comes back to it";
  }
}

}  // namespace solo::consumers
