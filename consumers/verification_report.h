// What a verification found, as its report: status, what was looked at per invariant, and as many of the differences as
// an event has room for, the critical ones first; the rest is counted. Pure.
#pragma once

#include <cstddef>

#include "consumers/verifier_diff.h"

namespace solo::consumers {

/// Differences in a report's list, and the bytes they may have together: well within an event (kMaxEventBytes).
inline constexpr std::size_t kMaxListed = 200;
inline constexpr std::size_t kMaxListedBytes = 512 * 1024;
/// Of each text of a difference; longer ones are cut.
inline constexpr std::size_t kMaxFindingText = 4096;

/// Sets status, checked, at_work, inconsistencies_found, repaired and the list.
void put_findings(const Diff& diff, v1::VerificationReportT& report);

}  // namespace solo::consumers
