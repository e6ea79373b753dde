// What a command came to, as the views remember it.
#pragma once

#include "schemas/position.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct RecordedOutcome {
  schemas::Position position;
  v1::OutcomeRecordT record;
};

/// How many of a tenant's own last outcomes count; an older one is as good as absent, whether or not it is still
/// stored.
inline constexpr std::uint64_t kOutcomeWindow = 1'048'576;

inline bool outcome_counts(const v1::OutcomeRecordT& outcome, const v1::TenantRecordT& tenant) {
  return tenant.commands - outcome.sequence < kOutcomeWindow;
}

}  // namespace solo::projections
