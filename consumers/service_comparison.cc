#include "consumers/service_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "consumers/process_identity.h"
#include "consumers/spec_digest.h"
#include "projections/service_state.h"

namespace solo::consumers {

namespace {

using schemas::ServiceKey;
using v1::RepairAction;

std::uint64_t generation_of(const schemas::Box<v1::DeploymentT>& deployment) {
  return deployment ? deployment->generation : 0;
}

bool older(const SeenProcess* left, const SeenProcess* right) {
  const Identity& a = left->found.identity;
  const Identity& b = right->found.identity;
  return std::tie(a.start_time, a.pid) < std::tie(b.start_time, b.pid);
}

std::string describe(const v1::ServiceRecordT* record) {
  if (record == nullptr) return "never deployed";
  const auto state = v1::EnumNameServiceState(projections::derive_state(*record));
  if (record->desired != v1::Desired::run) return state;
  const std::string pending = record->pending ? fmt::format(", {} pending", record->pending->generation) : "";
  return fmt::format("{}, generation {}{}", state, generation_of(record->current), pending);
}

std::string describe(const SeenProcess& process) {
  return fmt::format("process {} of generation {}, instance {}", process.found.identity.pid,
                     process.found.marker.generation, process.found.marker.instance);
}

class Comparison {
 public:
  Comparison(const ServiceKey& key, const ServiceSubject& subject, Diff& diff)
      : key_(key),
        record_(subject.record),
        held_(subject.held != nullptr && !subject.held->instance.empty() ? subject.held : nullptr),
        busy_(subject.held != nullptr && !subject.held->operation.empty()),
        between_restarts_(subject.held != nullptr && subject.held->operation == kBetweenRestarts),
        processes_(subject.processes),
        diff_(diff) {
    std::sort(processes_.begin(), processes_.end(), older);
  }

  void run() {
    if (held_ != nullptr) {
      check_held();
    } else {
      check_not_held();
    }
    check_strays();
    check_recorded_instances();
    check_reason();
  }

 private:
  bool live() const { return record_ != nullptr && projections::is_live(*record_); }

  bool is_wanted(std::uint64_t generation) const {
    return live() && generation != 0 &&
           (generation == generation_of(record_->current) || generation == generation_of(record_->pending));
  }

  void check(Invariant invariant) { ++diff_.checked[static_cast<std::size_t>(invariant)]; }

  Finding& add(Invariant invariant, std::uint64_t generation, std::string instance, RepairAction action) {
    Finding& finding = diff_.findings.emplace_back(finding_of(invariant));
    finding.tenant = key_.tenant.str();
    finding.service = key_.service.str();
    finding.generation = generation;
    finding.instance = std::move(instance);
    finding.action = action;
    finding.expected = describe(record_);
    return finding;
  }

  Finding& add_process(Invariant invariant, const SeenProcess& process, RepairAction action) {
    Finding& finding = add(invariant, process.found.marker.generation, process.found.marker.instance, action);
    finding.found = describe(process);
    finding.process.ensure() = to_record(process.found.identity);
    finding.evidence = evidence_of(process);
    return finding;
  }

  /// Which invariant a process breaks that runs although nothing of its generation should; nothing: it may run.
  std::optional<Invariant> wrong_to_run(std::uint64_t generation) const {
    if (record_ == nullptr) return Invariant::process_is_known;
    if (record_->desired != v1::Desired::run) return Invariant::killed_service_is_gone;
    if (!live()) {
      return generation == generation_of(record_->current) ? Invariant::ended_service_is_gone
                                                           : Invariant::generation_is_deployed;
    }
    return is_wanted(generation) ? std::nullopt : std::optional(Invariant::generation_is_deployed);
  }

  const SeenProcess* alive(const Identity& identity) const {
    const auto found = std::find_if(processes_.begin(), processes_.end(),
                                    [&](const SeenProcess* process) { return process->found.identity == identity; });
    return found == processes_.end() ? nullptr : *found;
  }

  void check_held() {
    check(Invariant::live_service_was_deployed);
    check(Invariant::runtime_agrees_with_machine);
    const SeenProcess* own = alive(identity_of(held_->process));
    if (own == nullptr) return add_dead();
    if (record_ == nullptr) {
      // Where the views have lost a service, its process is the last that is left of it.
      add_process(Invariant::live_service_was_deployed, *own, RepairAction::unspecified);
      return;
    }
    check(Invariant::generation_is_deployed);
    if (const auto wrong = wrong_to_run(held_->generation)) {
      add_process(*wrong, *own, RepairAction::stop);
      leaving_ = true;
      mended_ = live();
      return;
    }
    check_code(*own);
    check_spec(*own);
  }

  void add_dead() {
    Finding& finding = add(Invariant::runtime_agrees_with_machine, held_->generation, held_->instance,
                           live() ? RepairAction::start : RepairAction::stop);
    finding.found = fmt::format("the runtime holds process {}, which is gone", identity_of(held_->process).pid);
    if (held_->process) finding.process.ensure() = *held_->process;
    finding.evidence = "no process has this pid and start time";
    leaving_ = true;
    mended_ = live();
  }

  void check_code(const SeenProcess& own) {
    const auto& deployment = held_->generation == generation_of(record_->current) ? record_->current : record_->pending;
    if (deployment->code_digest.empty() && held_->code_digest.empty()) return;
    check(Invariant::code_is_deployed);
    const bool held_wrong = held_->code_digest != deployment->code_digest;
    const bool own_wrong = !own.code_digest.empty() && own.code_digest != deployment->code_digest;
    if (!held_wrong && !own_wrong) return;
    Finding& finding = add_process(Invariant::code_is_deployed, own, RepairAction::unspecified);
    finding.expected = "code " + deployment->code_digest;
    finding.found = "code " + (own_wrong ? own.code_digest : held_->code_digest);
    finding.evidence += own_wrong ? "; told by its command line" : "; told by the runtime";
  }

  void check_spec(const SeenProcess& own) {
    const auto& deployment = held_->generation == generation_of(record_->current) ? record_->current : record_->pending;
    if (held_->spec_digest.empty() || !deployment->spec) return;
    check(Invariant::spec_is_deployed);
    const std::string deployed = spec_digest(*deployment->spec);
    if (held_->spec_digest == deployed) return;
    Finding& finding = add_process(Invariant::spec_is_deployed, own, RepairAction::unspecified);
    finding.expected = "spec " + deployed;
    finding.found = "spec " + held_->spec_digest;
    finding.evidence += "; told by the runtime, which has spawned it";
  }

  void check_not_held() {
    if (!live()) return;
    // It is due later, and nothing that runs meanwhile is it.
    if (between_restarts_) return;
    check(Invariant::deployed_service_is_live);
    const auto fits = [&](const SeenProcess* process) {
      return process->found.leader && process->holder.empty() && is_wanted(process->found.marker.generation) &&
             !awaits_restart(*process);
    };
    const auto found = std::find_if(processes_.begin(), processes_.end(), fits);
    mended_ = true;
    if (found != processes_.end()) {
      check(Invariant::runtime_agrees_with_machine);
      adopted_ = *found;
      add_process(Invariant::runtime_agrees_with_machine, **found, RepairAction::readopt).evidence +=
          "; the runtime does not hold it";
      return;
    }
    Finding& finding =
        add(Invariant::deployed_service_is_live, generation_of(record_->current), {}, RepairAction::start);
    finding.found = "nothing runs, and nothing is under way";
    finding.evidence = busy_ ? "the runtime is at work on it" : "neither in the runtime's inventory nor in /proc";
  }

  /// A restart was asked for after this one was spawned.
  bool awaits_restart(const SeenProcess& process) const {
    return std::any_of(record_->instances.begin(), record_->instances.end(), [&](const auto& instance) {
      return instance->instance == process.found.marker.instance && instance->restart_epoch < record_->restart_epoch;
    });
  }

  bool belongs(const SeenProcess& process) const {
    const std::string& instance = process.found.marker.instance;
    return (held_ != nullptr && instance == held_->instance) ||
           (adopted_ != nullptr && instance == adopted_->found.marker.instance);
  }

  void check_strays() {
    std::set<std::string> led;
    for (const SeenProcess* process : processes_) {
      if (process->found.leader) led.insert(process->found.marker.instance);
    }
    for (const SeenProcess* process : processes_) {
      check(Invariant::process_is_known);
      if (belongs(*process)) continue;
      // The rest of a leader's session goes with it.
      if (!process->found.leader && led.contains(process->found.marker.instance)) continue;
      const auto wrong = wrong_to_run(process->found.marker.generation);
      add_process(wrong.value_or(Invariant::one_instance), *process, RepairAction::stop).evidence +=
          held_ != nullptr ? "; the runtime holds " + held_->instance : "; the runtime holds no instance";
    }
    if (record_ != nullptr && record_->desired != v1::Desired::run) check(Invariant::killed_service_is_gone);
    if (record_ != nullptr && record_->desired == v1::Desired::run && !live()) check(Invariant::ended_service_is_gone);
    if (live()) check(Invariant::one_instance);
  }

  /// What the views list is what the runtime holds: each instance, with its process.
  void check_recorded_instances() {
    if (record_ == nullptr || mended_) return;
    check(Invariant::views_know_the_instance);
    bool known = held_ == nullptr || leaving_;
    for (const auto& instance : record_->instances) {
      const bool is_held = held_ != nullptr && instance->instance == held_->instance;
      if (is_held && !leaving_) known = identity_of(instance->identity) == identity_of(held_->process);
      if (is_held || alive(identity_of(instance->identity)) != nullptr) continue;
      add_ghost(*instance);
    }
    if (!known) {
      Finding& finding =
          add(Invariant::views_know_the_instance, held_->generation, held_->instance, RepairAction::readopt);
      finding.found = "the views do not have the process that the runtime holds";
      if (held_->process) finding.process.ensure() = *held_->process;
      finding.evidence = fmt::format("the runtime holds pid {}", identity_of(held_->process).pid);
    }
    if (record_->unsettled && record_->instances.empty() && held_ == nullptr) {
      Finding& finding =
          add(Invariant::views_know_the_instance, generation_of(record_->current), {}, RepairAction::stop);
      finding.found = "the views wait to hear that it is gone, and nothing is left of it";
    }
  }

  void add_ghost(const v1::InstanceT& instance) {
    Finding& finding =
        add(Invariant::views_know_the_instance, instance.generation, instance.instance, RepairAction::stop);
    finding.found = fmt::format("the views list process {}, which is gone", identity_of(instance.identity).pid);
    if (instance.identity) finding.process.ensure() = *instance.identity;
    finding.evidence = "no process has this pid and start time, and the runtime does not hold it";
  }

  void check_reason() {
    if (record_ == nullptr || record_->desired != v1::Desired::run || record_->phase != v1::Phase::failed) return;
    check(Invariant::failure_has_a_reason);
    if (!record_->reason.empty()) return;
    Finding& finding =
        add(Invariant::failure_has_a_reason, generation_of(record_->current), {}, RepairAction::unspecified);
    finding.found = "failed, and no reason is recorded";
  }

  const ServiceKey& key_;
  const v1::ServiceRecordT* const record_;
  const v1::InventoryEntryT* const held_;
  const bool busy_;
  const bool between_restarts_;
  std::vector<const SeenProcess*> processes_;
  Diff& diff_;
  /// Recognised, to be taken up.
  const SeenProcess* adopted_ = nullptr;
  /// What the runtime holds is to go, or gone.
  bool leaving_ = false;
  /// A start or adoption that was found to be due sets the views' list of instances right.
  bool mended_ = false;
};

}  // namespace

std::string evidence_of(const SeenProcess& process) {
  const Identity& identity = process.found.identity;
  std::string evidence = fmt::format("pid {}, started at tick {} of boot {}{}", identity.pid, identity.start_time,
                                     identity.boot_id, process.found.leader ? "" : ", not a session's leader");
  if (!process.holder.empty()) evidence += ", a descendant of instance " + process.holder;
  if (!process.command.empty()) evidence += ", command line: " + process.command;
  return evidence;
}

Finding finding_of(Invariant invariant) {
  Finding finding;
  finding.code = info_of(invariant).name;
  finding.severity = info_of(invariant).severity;
  return finding;
}

void compare_service(const ServiceKey& key, const ServiceSubject& subject, Diff& diff) {
  Comparison(key, subject, diff).run();
}

}  // namespace solo::consumers
