#include "consumers/runtime_events.h"

#include <utility>

#include "consumers/process_identity.h"

namespace solo::consumers {

namespace {

v1::EndStatusT end_status(Exit end) {
  v1::EndStatusT status;
  if (end.kind == ExitKind::exited) {
    status.kind = v1::EndKind::exited;
    status.status = end.value;
  } else if (end.kind == ExitKind::signaled) {
    status.kind = v1::EndKind::signaled;
    status.signal = end.value;
  }
  return status;
}

template <class Payload>
Payload with_reason(const v1::ObservedT& observed, std::string reason, std::string detail) {
  Payload payload;
  payload.observed = observed;
  payload.reason = std::move(reason);
  payload.detail = std::move(detail);
  return payload;
}

template <class Payload>
Payload with_process(const v1::ObservedT& observed, const Reporter& reporter, const Identity& identity) {
  Payload payload;
  payload.observed = observed;
  payload.identity = to_record(identity);
  payload.node = reporter.node;
  return payload;
}

template <class Payload>
Payload with_end(const v1::ObservedT& observed, Exit end) {
  Payload payload;
  payload.observed = observed;
  payload.end = end_status(end);
  return payload;
}

v1::PayloadUnion payload_of(const Reporter& reporter, const Observe& observe, const v1::ObservedT& observed,
                            const Identity& identity, const std::string& output_tail) {
  v1::PayloadUnion payload;
  switch (observe.report) {
    case Report::started:
      payload.Set(with_process<v1::ServiceStartedT>(observed, reporter, identity));
      break;
    case Report::recovered: {
      auto recovered = with_process<v1::ServiceRecoveredT>(observed, reporter, identity);
      recovered.mode = observe.adopted ? v1::RecoveryMode::adopted : v1::RecoveryMode::started;
      payload.Set(std::move(recovered));
      break;
    }
    case Report::exited:
      payload.Set(with_end<v1::ServiceExitedT>(observed, observe.end));
      break;
    case Report::crashed: {
      auto crashed = with_end<v1::ServiceCrashedT>(observed, observe.end);
      crashed.output_tail = output_tail;
      payload.Set(std::move(crashed));
      break;
    }
    case Report::stopped: {
      auto stopped = with_end<v1::ServiceStoppedT>(observed, observe.end);
      stopped.settled = observe.settled;
      payload.Set(std::move(stopped));
      break;
    }
    case Report::deployment_failed:
      payload.Set(with_reason<v1::ServiceDeploymentFailedT>(observed, observe.reason, observe.detail));
      break;
    case Report::recovery_failed:
      payload.Set(with_reason<v1::ServiceRecoveryFailedT>(observed, observe.reason, observe.detail));
      break;
    case Report::failed:
      payload.Set(with_reason<v1::ServiceFailedT>(observed, observe.reason, output_tail));
      break;
  }
  return payload;
}

}  // namespace

v1::EventT observation_event(const Reporter& reporter, const schemas::ServiceKey& service, const Observe& observe,
                             const ObservedProcess& process, const std::string& output_tail) {
  v1::ObservedT observed;
  observed.run = reporter.run;
  observed.generation = observe.generation;
  observed.instance = process.instance;
  observed.restart_epoch = observe.epoch;
  v1::EventT event;
  event.tenant = service.tenant.str();
  event.service = service.service.str();
  event.payload = payload_of(reporter, observe, observed, process.identity, output_tail);
  return event;
}

}  // namespace solo::consumers
