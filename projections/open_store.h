// Opening a partition's view store, whatever its directory holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "projections/store.h"
#include "projections/views.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct OpenedStore {
  std::unique_ptr<Store> store;
  /// With its tail; a new one if the store is empty.
  v1::PartitionMetaT meta;
};

/// A directory that is damaged (every service's record is looked at), of another log, another partition count or
/// another layout is renamed to DIR.damaged-N and a new one takes its place; the report says so. failed_precondition:
/// it is of this log, but newer rules than this build's have been applied.
schemas::Result<OpenedStore> open_store(const ViewOptions& options, std::int32_t partition, OpenReport& report);

}  // namespace solo::projections
