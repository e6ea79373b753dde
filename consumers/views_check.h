// Are a partition's views whole in themselves, and of this log? Every entry against its hash, the entries against each
// other, their digest computed anew against the one kept from batch to batch, their position against the log and the
// last records they remember.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "consumers/replay_check.h"
#include "consumers/verifier_diff.h"
#include "producers/event_log.h"
#include "projections/view_snapshot.h"
#include "projections/views.h"

namespace solo::consumers {

/// Findings and what was looked at, added to `diff`. false: `between` ended it, and nothing can be said.
bool check_view(const projections::PartitionView& view, producers::EventLog& log, const projections::Between& between,
                Diff& diff);

/// What a comparison with a replay came to, or why there is none; an error that is none of the log's or the views' is
/// handed back.
schemas::Result<void> judge_replay(std::int32_t partition, const schemas::Result<ReplayComparison>& comparison,
                                   Diff& diff);

/// The position, as the views say it, against the last records they remember. `gapless`: the log has no gaps. Nothing:
/// they agree. Pure.
std::optional<Finding> check_marks(const v1::PartitionMetaT& meta, bool gapless);

}  // namespace solo::consumers
