// How late it is, by the log.
#include "projections/clock_witness.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace solo::projections {
namespace {

constexpr std::int64_t kHour = 3'600LL * 1'000'000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kBegin = 1'700'000'000'000'000;

/// After records of these times, seen from the first one.
std::int64_t credible_after(std::initializer_list<std::int64_t> times) {
  v1::PartitionMetaT meta;
  witness(kBegin, meta);
  for (const std::int64_t time : times) witness(kBegin + time, meta);
  return meta.credible_timestamp - kBegin;
}

TEST(ClockWitness, GoesOnWithTheLogAndNeverBack) {
  EXPECT_EQ(credible_after({}), 0);
  EXPECT_EQ(credible_after({kHour, 3 * kHour, 2 * kHour, -900 * kDay}), 3 * kHour);
  EXPECT_EQ(credible_after({kDay, 2 * kDay}), 2 * kDay);
}

TEST(ClockWitness, ALeapOfMoreThanADayIsNotBelieved) {
  EXPECT_EQ(credible_after({kDay + 1}), 0);
  EXPECT_EQ(credible_after({400 * kDay, 400 * kDay + kHour, 400 * kDay + 23 * kHour}), 0);
}

TEST(ClockWitness, ALeapIsBelievedOnceTheLogHasGoneOnForADay) {
  EXPECT_EQ(credible_after({3 * kDay, 3 * kDay + 12 * kHour, 4 * kDay, 4 * kDay + kHour}), 4 * kDay + kHour);
}

TEST(ClockWitness, OneLeapMoreBeginsAnew) {
  EXPECT_EQ(credible_after({400 * kDay, 800 * kDay, 800 * kDay + 23 * kHour}), 0);
  EXPECT_EQ(credible_after({800 * kDay, 400 * kDay, 400 * kDay + 23 * kHour}), 0);
}

TEST(ClockWitness, ARecordOfBeforeTheLeapEndsTheDoubt) {
  EXPECT_EQ(credible_after({400 * kDay, kHour, 401 * kDay + kHour}), kHour);
}

TEST(ClockWitness, ATimeNoClockHasIsALeapLikeAnyOther) {
  v1::PartitionMetaT meta;
  witness(kBegin, meta);
  for (const std::int64_t time : {INT64_MAX, INT64_MIN, INT64_MAX, std::int64_t{0}, std::int64_t{-1}}) {
    witness(time, meta);
    EXPECT_EQ(meta.credible_timestamp, kBegin);
  }
}

}  // namespace
}  // namespace solo::projections
