// Derived answers about one service record: the state people see, and whether an order has had its effect.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schemas/result.h"

namespace solo::v1 {
struct DeploymentT;
struct EndStatusT;
struct Event;
struct InstanceT;
struct ServiceRecordT;
struct ServiceStatusT;
enum class ServiceState : std::uint8_t;
}  // namespace solo::v1

namespace solo::projections {

/// desired stopped: stopping while an instance is left or may come up, then killed. desired run: by phase.
v1::ServiceState derive_state(const v1::ServiceRecordT& record);

/// Wanted, and neither finished nor failed: its name is taken.
bool is_live(const v1::ServiceRecordT& record);

/// The live instance of the current generation, if there is one.
const v1::InstanceT* current_instance(const v1::ServiceRecordT& record);

/// The deployment that a ServiceDeployed with a spec asks for, its code where it stands in the spec.
v1::DeploymentT deployment_of(const v1::Event& event, std::uint64_t generation);

/// What a client is told.
v1::ServiceStatusT to_status(const v1::ServiceRecordT& record);

/// `exit 3`, `signal 9`, `unknown`.
std::string describe_end(const v1::EndStatusT& end);

/// Nothing yet; or done; or failed for good, and why (failed_precondition: the reason, then the detail).
using Effect = std::optional<schemas::Result<void>>;

/// Deploy of `generation`. Done: it has started, or did before it was killed. Failed: its start failed, or it was
/// superseded or killed and can never start any more.
Effect deploy_effect(const v1::ServiceRecordT& record, std::uint64_t generation);
/// Later orders were carried out since: the record tells no more what became of this generation by itself.
bool is_history(const v1::ServiceRecordT& record, std::uint64_t generation);
/// Kill of `generation`. Done: no instance of it or of an older one is left, nor being started.
Effect kill_effect(const v1::ServiceRecordT& record, std::uint64_t generation);
/// Restart of `generation`. Done: an instance that satisfies `epoch`, or a newer generation, has started. Failed: it
/// was killed, or could not be started.
Effect restart_effect(const v1::ServiceRecordT& record, std::uint64_t generation, std::uint64_t epoch);

}  // namespace solo::projections
