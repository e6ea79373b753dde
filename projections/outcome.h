// What a command came to, as the views remember it.
#pragma once

#include "schemas/position.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct RecordedOutcome {
  schemas::Position position;
  v1::OutcomeRecordT record;
};

}  // namespace solo::projections
