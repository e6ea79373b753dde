#include "projections/clock_witness.h"

#include <algorithm>

namespace solo::projections {
namespace {

constexpr std::int64_t kDay = 24LL * 3'600 * 1'000'000;

}  // namespace

void witness(std::int64_t timestamp, v1::PartitionMetaT& meta) {
  meta.latest_timestamp = std::max(meta.latest_timestamp, timestamp);
  // None is from before 1970; without that the differences below might not fit.
  const std::int64_t time = std::max<std::int64_t>(timestamp, 0);
  if (meta.credible_timestamp == 0 || time - meta.credible_timestamp <= kDay) {
    meta.credible_timestamp = std::max(meta.credible_timestamp, time);
    meta.leap_from = meta.leap_until = 0;
    return;
  }
  const bool goes_on = meta.leap_from != 0 && time >= meta.leap_from && time - meta.leap_until <= kDay;
  if (!goes_on) meta.leap_from = meta.leap_until = time;
  meta.leap_until = std::max(meta.leap_until, time);
  if (meta.leap_until - meta.leap_from < kDay) return;
  meta.credible_timestamp = meta.leap_until;
  meta.leap_from = meta.leap_until = 0;
}

}  // namespace solo::projections
