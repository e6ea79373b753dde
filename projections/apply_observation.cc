// What the runtime that owns the partition saw of a service.
#include <algorithm>

#include "projections/apply_rules.h"
#include "projections/service_state.h"
#include "projections/text.h"
#include "schemas/ids.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;

/// The parts of an observation that its kinds share. Views of the event.
struct Seen {
  const v1::Observed* observed = nullptr;
  const v1::ProcessIdentity* identity = nullptr;
  std::string_view node = {};
  const v1::EndStatus* end = nullptr;
  std::string_view reason = {};
  std::string_view detail = {};
  /// A stop after which nothing is left.
  bool settled = false;
};

/// Nothing: not an observation.
std::optional<Seen> read_observation(const v1::Event& event) {
  switch (event.payload_type()) {
    case v1::Payload::ServiceStarted: {
      const auto& started = *event.payload_as_ServiceStarted();
      return Seen{started.observed(), started.identity(), text_of(started.node())};
    }
    case v1::Payload::ServiceRecovered: {
      const auto& recovered = *event.payload_as_ServiceRecovered();
      return Seen{recovered.observed(), recovered.identity(), text_of(recovered.node())};
    }
    case v1::Payload::ServiceExited: {
      const auto& exited = *event.payload_as_ServiceExited();
      return Seen{exited.observed(), nullptr, {}, exited.end()};
    }
    case v1::Payload::ServiceCrashed: {
      const auto& crashed = *event.payload_as_ServiceCrashed();
      return Seen{crashed.observed(), nullptr, {}, crashed.end(), {}, text_of(crashed.output_tail())};
    }
    case v1::Payload::ServiceStopped: {
      const auto& stopped = *event.payload_as_ServiceStopped();
      return Seen{stopped.observed(), nullptr, {}, stopped.end(), {}, {}, stopped.settled()};
    }
    case v1::Payload::ServiceDeploymentFailed: {
      const auto& failed = *event.payload_as_ServiceDeploymentFailed();
      return Seen{failed.observed(), nullptr, {}, nullptr, text_of(failed.reason()), text_of(failed.detail())};
    }
    case v1::Payload::ServiceRecoveryFailed: {
      const auto& failed = *event.payload_as_ServiceRecoveryFailed();
      return Seen{failed.observed(), nullptr, {}, nullptr, text_of(failed.reason()), text_of(failed.detail())};
    }
    case v1::Payload::ServiceFailed: {
      const auto& failed = *event.payload_as_ServiceFailed();
      return Seen{failed.observed(), nullptr, {}, nullptr, text_of(failed.reason()), text_of(failed.detail())};
    }
    default:
      return std::nullopt;
  }
}

bool is_start(v1::Payload type) { return type == v1::Payload::ServiceStarted || type == v1::Payload::ServiceRecovered; }

bool is_end(v1::Payload type) {
  return type == v1::Payload::ServiceExited || type == v1::Payload::ServiceCrashed ||
         type == v1::Payload::ServiceStopped;
}

/// The message of an observation that lacks what its kind must have.
std::optional<std::string> check_observation(v1::Payload type, const Seen& seen) {
  if (seen.observed == nullptr) return "it does not say what was observed";
  if (seen.observed->generation() == 0) return "it names no generation";
  const std::string_view instance = text_of(seen.observed->instance());
  if ((is_start(type) || is_end(type)) && instance.empty() && !seen.settled) return "it names no instance";
  if (instance.size() > kMaxIdentityBytes) return "its instance's name is too long";
  if (is_start(type) && seen.identity == nullptr) return "it does not identify the process";
  return std::nullopt;
}

bool wanted(const v1::ServiceRecordT& record) { return record.desired == v1::Desired::run; }

bool is_current(const v1::ServiceRecordT& record, std::uint64_t generation) {
  return wanted(record) && record.current->generation == generation;
}

bool is_pending(const v1::ServiceRecordT& record, std::uint64_t generation) {
  return record.pending && record.pending->generation == generation;
}

void clear_reason(v1::ServiceRecordT& record) {
  record.reason.clear();
  record.detail.clear();
}

void add_instance(v1::ServiceRecordT& record, const Incoming& incoming, const Seen& seen) {
  v1::InstanceT instance;
  instance.instance = text_of(seen.observed->instance());
  instance.generation = seen.observed->generation();
  instance.run = text_of(seen.observed->run());
  seen.identity->UnPackTo(&instance.identity.ensure());
  instance.node = seen.node;
  instance.started_at = incoming.event.time();
  instance.restart_epoch = seen.observed->restart_epoch();
  record.instances.emplace_back(std::move(instance));
}

template <class Predicate>
void drop_instances(v1::ServiceRecordT& record, Predicate gone) {
  record.instances.erase(
      std::remove_if(record.instances.begin(), record.instances.end(),
                     [&](const auto& instance) { return gone(static_cast<const v1::InstanceT&>(*instance)); }),
      record.instances.end());
}

/// The pending generation has started: it is the current one from here on.
void promote_pending(v1::ServiceRecordT& record, PartitionState& state) {
  release_code(*record.current, state);
  record.current = std::move(record.pending);
  record.pending.reset();
  record.restarts = 0;
  record.last_end.reset();
}

void note_running(v1::ServiceRecordT& record, std::uint64_t generation, PartitionState& state) {
  if (is_pending(record, generation)) promote_pending(record, state);
  if (!is_current(record, generation)) return;
  record.phase = v1::Phase::running;
  record.ever_started = true;
  clear_reason(record);
}

/// The name of a live instance, given to one of another generation.
std::optional<Judgement> refuse_other_generation(const v1::ServiceRecordT& record, const Seen& seen) {
  const std::string_view name = text_of(seen.observed->instance());
  const std::uint64_t generation = seen.observed->generation();
  for (const auto& instance : record.instances) {
    if (instance->instance != name || instance->generation == generation) continue;
    return rejected(ErrorCode::invalid_argument,
                    fmt::format("instance {} is of generation {}, not {}", name, instance->generation, generation));
  }
  return std::nullopt;
}

/// A start, or a recovery, at which every instance of former runs is known to be gone.
Judgement apply_started(const Incoming& incoming, const Seen& seen, PartitionState& state) {
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  if (auto refused = refuse_other_generation(*before, seen)) return *std::move(refused);
  const bool recovered = incoming.event.payload_type() == v1::Payload::ServiceRecovered;
  const std::uint64_t generation = seen.observed->generation();
  const std::string_view run = text_of(seen.observed->run());
  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  // The runtime keeps one instance of a generation at a time: the new one tells that a former one is gone.
  drop_instances(record, [&](const v1::InstanceT& instance) {
    return instance.generation == generation || (recovered && instance.run != run);
  });
  add_instance(record, incoming, seen);
  note_running(record, generation, state);
  if (record.phase == v1::Phase::running && current_instance(record) == nullptr) record.phase = v1::Phase::waiting;
  return Judgement{};
}

/// The course of the current generation after a normal end.
void note_exit(v1::ServiceRecordT& record) {
  if (record.current->spec->restart == v1::RestartPolicy::permanent) {
    record.phase = v1::Phase::waiting;
    ++record.restarts;
  } else {
    record.phase = v1::Phase::finished;
  }
}

/// And after an abnormal one, or one nobody saw.
void note_crash(v1::ServiceRecordT& record, const v1::EndStatusT& end, std::string_view output_tail) {
  const bool unseen = end.kind == v1::EndKind::unknown;
  record.reason = unseen ? std::string("its end was not seen") : fmt::format("crashed: {}", describe_end(end));
  record.detail = clip_tail(output_tail, kMaxDetailBytes);
  if (record.current->spec->restart != v1::RestartPolicy::temporary) {
    record.phase = v1::Phase::waiting;
    ++record.restarts;
  } else {
    record.phase = unseen ? v1::Phase::finished : v1::Phase::failed;
  }
}

Judgement apply_ended(const Incoming& incoming, const Seen& seen, PartitionState& state) {
  const std::string_view name = text_of(seen.observed->instance());
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  const auto found = std::find_if(before->instances.begin(), before->instances.end(),
                                  [&](const auto& instance) { return instance->instance == name; });
  const bool settles = seen.settled && !wanted(*before) && seen.observed->generation() == before->current->generation;
  if (found == before->instances.end()) {
    if (!settles || !before->unsettled) return stale(fmt::format("instance {} is not known to run", name));
    state.edit_service(incoming.tenant, incoming.service).unsettled = false;
    return Judgement{};
  }
  const std::uint64_t generation = (*found)->generation;
  const std::uint64_t epoch = (*found)->restart_epoch;

  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  drop_instances(record, [&](const v1::InstanceT& instance) { return instance.instance == name; });
  if (settles) {
    record.unsettled = false;
  } else if (!wanted(record) && incoming.event.payload_type() != v1::Payload::ServiceStopped) {
    // It ended by itself before its runtime knew of the kill, and may have been started again.
    record.unsettled = true;
  }
  if (record.current->generation != generation) return Judgement{};
  v1::EndStatusT end;
  if (seen.end != nullptr) seen.end->UnPackTo(&end);
  record.last_end = end;
  // Stopped, finished or given up before this end was seen: that stands.
  if (!is_live(record)) return Judgement{};
  const v1::Payload type = incoming.event.payload_type();
  if (type == v1::Payload::ServiceStopped || epoch < record.restart_epoch) {
    // However it ended, a restart that was asked for meanwhile is still owed.
    record.phase = v1::Phase::waiting;
  } else if (type == v1::Payload::ServiceExited) {
    note_exit(record);
  } else {
    note_crash(record, end, seen.detail);
  }
  return Judgement{};
}

void note_failure(v1::ServiceRecordT& record, const Seen& seen) {
  record.reason = clip_head(seen.reason, kMaxIdentityBytes);
  record.detail = clip_head(seen.detail, kMaxDetailBytes);
}

Judgement apply_deployment_failed(const Incoming& incoming, const Seen& seen, PartitionState& state) {
  const std::uint64_t generation = seen.observed->generation();
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  const bool first_start =
      is_current(*before, generation) && !before->ever_started && before->phase == v1::Phase::waiting;
  if (!is_pending(*before, generation) && !first_start) {
    return stale(fmt::format("generation {} is not about to start for the first time", generation));
  }
  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  if (first_start) {
    record.phase = v1::Phase::failed;
    note_failure(record, seen);
    return Judgement{};
  }
  release_code(*record.pending, state);
  record.pending.reset();
  record.failed_pending_generation = generation;
  record.failed_pending_reason = clip_head(seen.reason, kMaxIdentityBytes);
  record.failed_pending_detail = clip_head(seen.detail, kMaxDetailBytes);
  return Judgement{};
}

Judgement apply_recovery_failed(const Incoming& incoming, const Seen& seen, PartitionState& state) {
  const std::uint64_t generation = seen.observed->generation();
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  if (!is_current(*before, generation) || !is_live(*before)) {
    return stale(fmt::format("generation {} is not being recovered", generation));
  }
  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  // What a former run had started is gone, or there would be nothing to recover.
  const std::string_view run = text_of(seen.observed->run());
  drop_instances(
      record, [&](const v1::InstanceT& instance) { return instance.generation == generation && instance.run != run; });
  if (current_instance(record) == nullptr) record.phase = v1::Phase::waiting;
  note_failure(record, seen);
  return Judgement{};
}

Judgement apply_failed(const Incoming& incoming, const Seen& seen, PartitionState& state) {
  const std::uint64_t generation = seen.observed->generation();
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  if (!is_current(*before, generation) || !is_live(*before)) {
    return stale(fmt::format("generation {} is not one to give up", generation));
  }
  if (seen.observed->restart_epoch() < before->restart_epoch) {
    return stale(fmt::format("a restart of generation {} has been asked for since", generation));
  }
  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  // Its last end was counted, and no restart followed.
  if (record.phase == v1::Phase::waiting && record.restarts > 0) --record.restarts;
  record.phase = v1::Phase::failed;
  note_failure(record, seen);
  return Judgement{};
}

}  // namespace

Judgement apply_observation(const Incoming& incoming, PartitionState& state) {
  const std::optional<Seen> seen = read_observation(incoming.event);
  if (!seen) return quarantined("no rule for this observation", ErrorCode::unimplemented);
  const v1::Payload type = incoming.event.payload_type();
  if (auto broken = check_observation(type, *seen)) return quarantined(*std::move(broken));
  Judgement observer = judge_observer(incoming, text_of(seen->observed->run()), state);
  if (observer.verdict != Verdict::applied) return observer;
  if (state.find_service(incoming.tenant, incoming.service) == nullptr) {
    return rejected(ErrorCode::not_found, fmt::format("no service {}/{}", incoming.tenant, incoming.service));
  }
  const std::uint64_t generation = seen->observed->generation();
  if (const std::uint64_t newest = state.tenant(incoming.tenant).deploys; generation > newest) {
    return rejected(ErrorCode::invalid_argument,
                    fmt::format("generation {} was never given out, the newest is {}", generation, newest));
  }
  switch (type) {
    case v1::Payload::ServiceStarted:
    case v1::Payload::ServiceRecovered:
      return apply_started(incoming, *seen, state);
    case v1::Payload::ServiceDeploymentFailed:
      return apply_deployment_failed(incoming, *seen, state);
    case v1::Payload::ServiceRecoveryFailed:
      return apply_recovery_failed(incoming, *seen, state);
    case v1::Payload::ServiceFailed:
      return apply_failed(incoming, *seen, state);
    default:
      return apply_ended(incoming, *seen, state);
  }
}

}  // namespace solo::projections
