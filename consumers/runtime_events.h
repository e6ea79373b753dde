// What the runtime reports, as events. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "consumers/process_host.h"
#include "consumers/service_machine.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"

namespace solo::consumers {

/// Who reports.
struct Reporter {
  std::string node;
  std::string run;
};

/// The process an observation is about, if any.
struct ObservedProcess {
  std::string instance;
  Identity identity;
};

/// `output_tail` goes with a crash, and with giving up.
v1::EventT observation_event(const Reporter& reporter, const schemas::ServiceKey& service, const Observe& observe,
                             const ObservedProcess& process, const std::string& output_tail);

/// An event of tenant `system`.
template <class Payload>
v1::EventT system_event(Payload payload) {
  v1::EventT event;
  event.tenant = schemas::kSystemTenant;
  event.payload.Set(std::move(payload));
  return event;
}

}  // namespace solo::consumers
