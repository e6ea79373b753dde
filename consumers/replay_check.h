// The views against an independent replay of the log: one partition's records are applied from the first on to views
// in a scratch directory, up to exactly where the live ones stand at one moment; then the entries are compared, each
// with its counterpart. The live views and the daemon go on meanwhile.
//
// Threads: the caller's. The scratch directory is removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "consumers/projector.h"
#include "projections/view_snapshot.h"
#include "projections/views.h"
#include "schemas/result.h"

namespace solo::consumers {

struct ReplayOptions {
  std::filesystem::path scratch;
  std::string log_uuid;
  std::int32_t partitions = 1;
  Projector::OpenReader open_reader;
  /// Called between batches with the next offset; false: enough (unavailable).
  std::function<bool(std::int64_t)> between;
  /// Without a record for so long before the live views' position: unavailable.
  std::chrono::milliseconds patience{10'000};
};

struct EntryDifference {
  /// `service acme/web`.
  std::string entry;
  std::string expected;
  std::string found;
};

struct ReplayComparison {
  /// Everything before this offset was replayed.
  std::int64_t next_offset = 0;
  std::uint64_t entries = 0;
  /// All of them; the list ends after a hundred.
  std::uint64_t differences_found = 0;
  std::vector<EntryDifference> differences;
};

/// data_loss: a record is missing or damaged. failed_precondition: the log's rules are not known here. unavailable: it
/// was stopped, or the log does not deliver.
schemas::Result<ReplayComparison> compare_with_replay(const projections::PartitionView& live,
                                                      const ReplayOptions& options);

/// Both in key order. What is in `live` and should not be, is missing there, or is another.
void compare_entries(const projections::ViewSnapshot& live, const projections::ViewSnapshot& replayed,
                     ReplayComparison& comparison);

}  // namespace solo::consumers
