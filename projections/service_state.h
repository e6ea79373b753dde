// Derived answers about one service record: the state people see, and whether an order has had its effect.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

/// desired stopped: stopping while an instance is left, then killed. desired run: by phase.
v1::ServiceState derive_state(const v1::ServiceRecordT& record);

/// The live instance of the current generation, if there is one.
const v1::InstanceT* current_instance(const v1::ServiceRecordT& record);

/// What a client is told.
v1::ServiceStatusT to_status(const v1::ServiceRecordT& record);

/// Nothing yet; or done; or failed for good, and why.
using Effect = std::optional<schemas::Result<void>>;

/// Deploy of `generation`: running (or already over), superseded, killed; or its start failed.
Effect deploy_effect(const v1::ServiceRecordT& record, std::uint64_t generation);
/// Kill of `generation`: no instance of it or of an older one is left.
Effect kill_effect(const v1::ServiceRecordT& record, std::uint64_t generation);
/// Restart: an instance that satisfies `epoch` is running; or it failed.
Effect restart_effect(const v1::ServiceRecordT& record, std::uint64_t generation, std::uint64_t epoch);

}  // namespace solo::projections
