// How late it is, as far as a log's timestamps can be believed. Pure.
//
// A machine whose clock is wrong for a while writes timestamps far ahead, whoever starts on it, and as often as it is
// started. So a leap of more than a day counts only once the log has gone on from there for a day; a record of before
// the leap ends the doubt. What is gained by several smaller leaps is not noticed.
#pragma once

#include <cstdint>

#include "schemas/schemas.h"

namespace solo::projections {

/// Of each record, in order.
void witness(std::int64_t timestamp, v1::PartitionMetaT& meta);

}  // namespace solo::projections
