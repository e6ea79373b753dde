// Orders: deploy, kill, restart.
#include "projections/apply_rules.h"
#include "projections/order_rules.h"
#include "projections/service_state.h"
#include "projections/text.h"
#include "schemas/spec.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;

std::string name_of(const Incoming& incoming) { return fmt::format("{}/{}", incoming.tenant, incoming.service); }

Judgement refused_by(OrderRefusal refusal) {
  return rejected(refusal.code, std::move(refusal.message), refusal.generation);
}

/// Moves the spec's code text under its digest, counted.
void keep_code(v1::DeploymentT& deployment, PartitionState& state) {
  if (deployment.spec->code.empty()) return;
  deployment.code_digest = sha256_hex(deployment.spec->code);
  const std::uint64_t references = state.code_references(deployment.code_digest);
  if (references == 0) {
    state.put_code(deployment.code_digest, std::move(deployment.spec->code));
  } else {
    state.set_code_references(deployment.code_digest, references + 1);
  }
  deployment.spec->code.clear();
}

void drop_pending(v1::ServiceRecordT& record, PartitionState& state) {
  if (!record.pending) return;
  release_code(*record.pending, state);
  record.pending.reset();
}

/// The name is free: the new generation is the current one from here on.
void make_current(v1::ServiceRecordT& record, v1::DeploymentT deployment, PartitionState& state) {
  drop_pending(record, state);
  if (record.current) release_code(*record.current, state);
  record.current = std::move(deployment);
  record.desired = v1::Desired::run;
  record.kill_grace_ms = 0;
  record.kill_force = false;
  record.unsettled = false;
  record.phase = v1::Phase::waiting;
  record.ever_started = false;
  record.restarts = 0;
  record.last_end.reset();
  record.reason.clear();
  record.detail.clear();
}

std::optional<OrderRefusal> refuse_this(const Incoming& incoming, const ServiceOutline& before,
                                        const v1::ServiceDeployed& deployed) {
  // Nothing stands in its way, and its name need not be written out.
  if (deployed.replace() && deployed.if_generation() == 0) return std::nullopt;
  return refuse_deploy(name_of(incoming), before, deployed.replace(), deployed.if_generation());
}

Judgement apply_deployed(const Incoming& incoming, const v1::ServiceDeployed& deployed, PartitionState& state) {
  if (deployed.spec() == nullptr) return rejected(ErrorCode::invalid_argument, "a deploy needs a spec");
  if (incoming.spec_flaw) return rejected(incoming.spec_flaw->code, incoming.spec_flaw->message);
  const ServiceOutline before = state.outline(incoming.tenant, incoming.service);
  if (auto refused = refuse_this(incoming, before, deployed)) return refused_by(*std::move(refused));

  const std::uint64_t generation = ++state.edit_tenant(incoming.tenant).deploys;
  if (before.live && !before.pending_code && text_of(deployed.spec()->code()).empty()) {
    state.set_pending(incoming, generation);
    return Judgement{Verdict::applied, ErrorCode::ok, {}, generation};
  }
  v1::DeploymentT deployment = deployment_of(incoming.event, generation);
  // First the new code, so that a text both generations share stays where it is.
  keep_code(deployment, state);
  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  if (before.live) {
    drop_pending(record, state);
    record.pending = std::move(deployment);
  } else {
    make_current(record, std::move(deployment), state);
  }
  return Judgement{Verdict::applied, ErrorCode::ok, {}, generation};
}

/// May its runtime be starting something that no report has told of yet?
bool may_be_starting(const v1::ServiceRecordT& record) {
  const v1::InstanceT* instance = current_instance(record);
  const bool restart_owed = instance != nullptr && instance->restart_epoch < record.restart_epoch;
  return record.phase == v1::Phase::waiting || record.pending || restart_owed;
}

Judgement apply_killed(const Incoming& incoming, const v1::ServiceKilled& killed, PartitionState& state) {
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  if (auto refused = refuse_kill(name_of(incoming), before, killed.if_generation(), killed.force()))
    return refused_by(*std::move(refused));

  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  if (record.desired == v1::Desired::stopped) {
    record.kill_force = true;
    return Judgement{Verdict::applied, ErrorCode::ok, {}, record.current->generation};
  }
  const std::uint64_t generation = addressed_generation(&record);
  record.unsettled = may_be_starting(record);
  drop_pending(record, state);
  record.desired = v1::Desired::stopped;
  record.kill_force = killed.force();
  record.kill_grace_ms = killed.grace_ms();
  // The spec goes, so what it says about stopping is kept here.
  if (const auto& limits = record.current->spec->restart_limits; record.kill_grace_ms == 0 && limits) {
    record.kill_grace_ms = limits->shutdown_timeout_ms;
  }
  release_code(*record.current, state);
  v1::DeploymentT tombstone;
  tombstone.generation = record.current->generation;
  record.current = std::move(tombstone);
  return Judgement{Verdict::applied, ErrorCode::ok, {}, generation};
}

Judgement apply_restart(const Incoming& incoming, const v1::ServiceRestartRequested& restart, PartitionState& state) {
  const v1::ServiceRecordT* before = state.find_service(incoming.tenant, incoming.service);
  if (auto refused = refuse_change(name_of(incoming), before, restart.if_generation()))
    return refused_by(*std::move(refused));

  v1::ServiceRecordT& record = state.edit_service(incoming.tenant, incoming.service);
  ++record.restart_epoch;
  if (!is_live(record)) {
    record.phase = v1::Phase::waiting;
    record.restarts = 0;
    record.reason.clear();
    record.detail.clear();
  }
  return Judgement{Verdict::applied, ErrorCode::ok, {}, record.current->generation, record.restart_epoch};
}

}  // namespace

void release_code(const v1::DeploymentT& deployment, PartitionState& state) {
  if (deployment.code_digest.empty()) return;
  const std::uint64_t references = state.code_references(deployment.code_digest);
  if (references <= 1) {
    state.erase_code(deployment.code_digest);
  } else {
    state.set_code_references(deployment.code_digest, references - 1);
  }
}

Judgement apply_command(const Incoming& incoming, PartitionState& state) {
  switch (incoming.event.payload_type()) {
    case v1::Payload::ServiceDeployed:
      return apply_deployed(incoming, *incoming.event.payload_as_ServiceDeployed(), state);
    case v1::Payload::ServiceKilled:
      return apply_killed(incoming, *incoming.event.payload_as_ServiceKilled(), state);
    case v1::Payload::ServiceRestartRequested:
      return apply_restart(incoming, *incoming.event.payload_as_ServiceRestartRequested(), state);
    default:
      return quarantined("no rule for this order", ErrorCode::unimplemented);
  }
}

}  // namespace solo::projections
