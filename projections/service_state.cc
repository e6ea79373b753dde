#include "projections/service_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/schemas.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;

const Effect kNotYet = std::nullopt;

Effect done() { return schemas::Result<void>(); }

Effect failed(std::string message) {
  return schemas::Result<void>(schemas::fail(ErrorCode::failed_precondition, std::move(message)));
}

/// The reason in the first line; the compiler's words or the program's output below it.
Effect failed(const std::string& reason, const std::string& detail) {
  return failed(detail.empty() ? reason : reason + "\n" + detail);
}

std::uint64_t generation_of(const schemas::Box<v1::DeploymentT>& deployment) {
  return deployment ? deployment->generation : 0;
}

bool stopped(const v1::ServiceRecordT& record) { return record.desired == v1::Desired::stopped; }

/// Of a generation that was current once, or is.
Effect current_deploy_effect(const v1::ServiceRecordT& record, std::uint64_t generation) {
  if (record.ever_started) return done();
  if (stopped(record)) return failed(fmt::format("generation {} was killed before it started", generation));
  if (record.phase == v1::Phase::failed) return failed(record.reason, record.detail);
  if (record.phase == v1::Phase::finished) return done();
  return kNotYet;
}

}  // namespace

v1::ServiceState derive_state(const v1::ServiceRecordT& record) {
  if (stopped(record)) {
    const bool gone = record.instances.empty() && !record.unsettled;
    return gone ? v1::ServiceState::killed : v1::ServiceState::stopping;
  }
  switch (record.phase) {
    case v1::Phase::waiting:
      return v1::ServiceState::starting;
    case v1::Phase::running:
      return v1::ServiceState::running;
    case v1::Phase::finished:
      return v1::ServiceState::finished;
    case v1::Phase::failed:
      return v1::ServiceState::failed;
  }
  return v1::ServiceState::failed;
}

bool is_live(const v1::ServiceRecordT& record) {
  return !stopped(record) && (record.phase == v1::Phase::waiting || record.phase == v1::Phase::running);
}

const v1::InstanceT* current_instance(const v1::ServiceRecordT& record) {
  const std::uint64_t current = generation_of(record.current);
  const auto found = std::find_if(record.instances.begin(), record.instances.end(),
                                  [&](const auto& instance) { return instance->generation == current; });
  return found == record.instances.end() ? nullptr : found->get();
}

std::string describe_end(const v1::EndStatusT& end) {
  switch (end.kind) {
    case v1::EndKind::exited:
      return fmt::format("exit {}", end.status);
    case v1::EndKind::signaled:
      return fmt::format("signal {}", end.signal);
    case v1::EndKind::unknown:
      break;
  }
  return "unknown";
}

v1::DeploymentT deployment_of(const v1::Event& event, std::uint64_t generation) {
  v1::DeploymentT deployment;
  event.payload_as_ServiceDeployed()->spec()->UnPackTo(&deployment.spec.ensure());
  deployment.generation = generation;
  deployment.deployed_at = event.time();
  return deployment;
}

v1::ServiceStatusT to_status(const v1::ServiceRecordT& record) {
  v1::ServiceStatusT status;
  status.tenant = record.tenant;
  status.service = record.service;
  status.generation = generation_of(record.current);
  status.pending_generation = generation_of(record.pending);
  status.state = derive_state(record);
  status.reason = record.reason;
  status.detail = record.detail;
  if (record.current) {
    status.deployed_at = record.current->deployed_at;
    if (record.current->spec) status.format = record.current->spec->format;
  }
  if (const v1::InstanceT* instance = current_instance(record)) {
    status.instance = instance->instance;
    if (instance->identity) status.pid = instance->identity->pid;
    status.started_at = instance->started_at;
    status.node = instance->node;
  }
  status.restarts = record.restarts;
  if (record.last_end) status.exit_status = describe_end(*record.last_end);
  if (record.failed_pending_generation > status.generation) {
    status.failed_generation = record.failed_pending_generation;
    status.failed_reason = record.failed_pending_reason;
    status.failed_detail = record.failed_pending_detail;
  }
  return status;
}

Effect deploy_effect(const v1::ServiceRecordT& record, std::uint64_t generation) {
  const std::uint64_t current = generation_of(record.current);
  const std::uint64_t pending = generation_of(record.pending);
  if (generation == pending) return kNotYet;
  if (generation == current) return current_deploy_effect(record, generation);
  if (generation == record.failed_pending_generation) {
    return failed(record.failed_pending_reason, record.failed_pending_detail);
  }
  if (const std::uint64_t newest = std::max(current, pending); generation < newest) {
    return failed(fmt::format("generation {} was superseded by generation {}", generation, newest));
  }
  if (stopped(record)) return failed(fmt::format("generation {} was killed before it started", generation));
  return failed(fmt::format("generation {} was superseded", generation));
}

bool is_history(const v1::ServiceRecordT& record, std::uint64_t generation) {
  const std::uint64_t current = generation_of(record.current);
  if (generation == generation_of(record.pending) || generation == record.failed_pending_generation) return false;
  return generation < current || (generation == current && stopped(record) && record.ever_started);
}

Effect kill_effect(const v1::ServiceRecordT& record, std::uint64_t generation) {
  const bool left = std::any_of(record.instances.begin(), record.instances.end(),
                                [&](const auto& instance) { return instance->generation <= generation; });
  const bool unsettled = stopped(record) && record.unsettled && generation_of(record.current) <= generation;
  return left || unsettled ? kNotYet : done();
}

Effect restart_effect(const v1::ServiceRecordT& record, std::uint64_t generation, std::uint64_t epoch) {
  if (stopped(record)) return failed(fmt::format("generation {} was killed", generation_of(record.current)));
  switch (record.phase) {
    case v1::Phase::waiting:
      return kNotYet;
    case v1::Phase::failed:
      return failed(record.reason, record.detail);
    case v1::Phase::finished:
      // An end before the epoch was satisfied leads to waiting: so it has run since.
      return done();
    case v1::Phase::running:
      break;
  }
  const v1::InstanceT* instance = current_instance(record);
  if (instance == nullptr) return kNotYet;
  const bool newer = generation_of(record.current) > generation;
  return newer || instance->restart_epoch >= epoch ? done() : kNotYet;
}

}  // namespace solo::projections
