#include "tests/unit/projections/records.h"

#include <fmt/format.h>

#include "schemas/codec.h"
#include "schemas/ids.h"

namespace solo::testing {
namespace {

constexpr std::int64_t kTime = 1'700'000'000'000'000;

v1::EndStatusT end_of(v1::EndKind kind, int status, int signal) {
  v1::EndStatusT end;
  end.kind = kind;
  end.status = status;
  end.signal = signal;
  return end;
}

}  // namespace

schemas::LogRecord RecordMaker::raw(std::string key, std::string value) {
  return schemas::LogRecord{{partition, next_offset++}, kTime, std::move(key), std::move(value)};
}

schemas::LogRecord RecordMaker::record(const v1::EventT& event) { return raw(event.tenant, schemas::encode(event)); }

v1::EventT RecordMaker::command(std::string_view service, v1::PayloadUnion payload) {
  v1::EventT event;
  event.id = fmt::format("id-{}", next_id++);
  event.source = "/commands/" + tenant;
  event.tenant = tenant;
  event.service = service;
  event.time = kTime + next_offset;
  event.payload = std::move(payload);
  return event;
}

v1::EventT RecordMaker::observation(std::string_view service, v1::PayloadUnion payload) {
  v1::EventT event = command(service, std::move(payload));
  event.id = fmt::format("{}-{}", run, next_sequence++);
  event.source = "/nodes/" + node;
  return event;
}

schemas::LogRecord RecordMaker::genesis() {
  v1::SystemInitializedT genesis;
  genesis.log_uuid = kLog;
  genesis.format = 1;
  genesis.rules = 1;
  genesis.partitions = static_cast<std::uint32_t>(partitions);
  genesis.partition = static_cast<std::uint32_t>(partition);
  v1::EventT event = observation("", payload_of(std::move(genesis)));
  event.tenant = schemas::kSystemTenant;
  return record(event);
}

schemas::LogRecord RecordMaker::claim(std::string_view new_run, std::string_view new_node) {
  run = new_run;
  node = new_node;
  next_sequence = 1;
  v1::RuntimeClaimedT claim;
  claim.run = run;
  claim.node = node;
  v1::EventT event = observation("", payload_of(std::move(claim)));
  event.tenant = schemas::kSystemTenant;
  return record(event);
}

schemas::LogRecord RecordMaker::deploy(std::string_view service, const DeployOptions& options) {
  v1::ServiceDeployedT deployed;
  v1::SpecT& spec = deployed.spec.ensure();
  spec.restart = options.restart;
  if (options.code.empty()) {
    spec.format = v1::Format::exec;
    spec.argv = {"/bin/true"};
  } else {
    spec.format = v1::Format::script;
    spec.code = "#!/bin/sh\n" + options.code;
  }
  deployed.replace = options.replace;
  deployed.if_generation = options.if_generation;
  return record(command(service, payload_of(std::move(deployed))));
}

schemas::LogRecord RecordMaker::kill(std::string_view service, std::uint64_t if_generation) {
  v1::ServiceKilledT killed;
  killed.if_generation = if_generation;
  return record(command(service, payload_of(std::move(killed))));
}

schemas::LogRecord RecordMaker::restart(std::string_view service, std::uint64_t if_generation) {
  v1::ServiceRestartRequestedT restart;
  restart.if_generation = if_generation;
  return record(command(service, payload_of(std::move(restart))));
}

v1::ObservedT RecordMaker::observed(std::uint64_t generation, std::string_view instance,
                                    std::uint64_t restart_epoch) const {
  v1::ObservedT observed;
  observed.run = run;
  observed.generation = generation;
  observed.instance = instance;
  observed.restart_epoch = restart_epoch;
  return observed;
}

schemas::LogRecord RecordMaker::started(std::string_view service, std::uint64_t generation, std::string_view instance,
                                        std::uint64_t restart_epoch) {
  v1::ServiceStartedT started;
  started.observed = observed(generation, instance, restart_epoch);
  started.identity.ensure().pid = 4242;
  started.node = node;
  return record(observation(service, payload_of(std::move(started))));
}

schemas::LogRecord RecordMaker::recovered(std::string_view service, std::uint64_t generation, std::string_view instance,
                                          v1::RecoveryMode mode) {
  v1::ServiceRecoveredT recovered;
  recovered.observed = observed(generation, instance);
  recovered.identity.ensure().pid = 4343;
  recovered.node = node;
  recovered.mode = mode;
  return record(observation(service, payload_of(std::move(recovered))));
}

schemas::LogRecord RecordMaker::exited(std::string_view service, std::string_view instance) {
  v1::ServiceExitedT exited;
  exited.observed = observed(1, instance);
  exited.end = end_of(v1::EndKind::exited, 0, 0);
  return record(observation(service, payload_of(std::move(exited))));
}

schemas::LogRecord RecordMaker::crashed(std::string_view service, std::string_view instance, int signal) {
  v1::ServiceCrashedT crashed;
  crashed.observed = observed(1, instance);
  crashed.end = end_of(v1::EndKind::signaled, 0, signal);
  crashed.output_tail = "last words";
  return record(observation(service, payload_of(std::move(crashed))));
}

schemas::LogRecord RecordMaker::lost(std::string_view service, std::string_view instance) {
  v1::ServiceCrashedT crashed;
  crashed.observed = observed(1, instance);
  crashed.end = end_of(v1::EndKind::unknown, 0, 0);
  return record(observation(service, payload_of(std::move(crashed))));
}

schemas::LogRecord RecordMaker::settled(std::string_view service, std::uint64_t generation, std::string_view instance) {
  v1::ServiceStoppedT stopped;
  stopped.observed = observed(generation, instance);
  stopped.settled = true;
  return record(observation(service, payload_of(std::move(stopped))));
}

schemas::LogRecord RecordMaker::stopped(std::string_view service, std::string_view instance) {
  v1::ServiceStoppedT stopped;
  stopped.observed = observed(1, instance);
  stopped.end = end_of(v1::EndKind::signaled, 0, 15);
  return record(observation(service, payload_of(std::move(stopped))));
}

schemas::LogRecord RecordMaker::deployment_failed(std::string_view service, std::uint64_t generation) {
  v1::ServiceDeploymentFailedT failed;
  failed.observed = observed(generation, "");
  failed.reason = "it does not compile";
  failed.detail = "main.cc:1: error";
  return record(observation(service, payload_of(std::move(failed))));
}

schemas::LogRecord RecordMaker::recovery_failed(std::string_view service, std::uint64_t generation) {
  v1::ServiceRecoveryFailedT failed;
  failed.observed = observed(generation, "");
  failed.reason = "no space left";
  return record(observation(service, payload_of(std::move(failed))));
}

schemas::LogRecord RecordMaker::failed(std::string_view service, std::uint64_t generation) {
  v1::ServiceFailedT failed;
  failed.observed = observed(generation, "");
  failed.reason = "restart limits reached";
  return record(observation(service, payload_of(std::move(failed))));
}

schemas::LogRecord repeat(RecordMaker& maker, const schemas::LogRecord& record) {
  schemas::LogRecord again = record;
  again.position.offset = maker.next_offset++;
  return again;
}

}  // namespace solo::testing
