#include <gtest/gtest.h>

#include "consumers/token_sweeper.h"

namespace solo::consumers {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using Steady = CautiousTime::Steady;

constexpr std::int64_t kWitness = 1'700'000'000'000'000;
constexpr std::int64_t kHour = 3600LL * 1'000'000;
constexpr std::int64_t kDay = 24 * kHour;
const Steady kStart{};

TEST(CautiousTime, AWallClockThatIsAheadAtTheStartIsNotBelieved) {
  CautiousTime time(kWitness, kWitness + 365 * kDay, kStart);
  EXPECT_EQ(time.at(kWitness + 365 * kDay, kStart), kWitness);
  EXPECT_EQ(time.at(kWitness + 365 * kDay + kHour, kStart + hours(1)), kWitness + kHour);
}

TEST(CautiousTime, AWallClockThatJumpsLaterIsNotBelieved) {
  CautiousTime time(kWitness, kWitness, kStart);
  EXPECT_EQ(time.at(kWitness + kHour, kStart + hours(1)), kWitness + kHour);
  EXPECT_EQ(time.at(kWitness + 100 * kDay, kStart + hours(2)), kWitness + 2 * kHour);
}

TEST(CautiousTime, AWallClockThatIsBehindIs) {
  CautiousTime time(kWitness, kWitness - kDay, kStart);
  EXPECT_EQ(time.at(kWitness - kDay, kStart), kWitness - kDay);
}

TEST(CautiousTime, AfterADayOfGoingSteadilyTheWallClockIsBelieved) {
  CautiousTime time(kWitness, kWitness + 60 * kDay, kStart);
  EXPECT_EQ(time.at(kWitness + 60 * kDay + 23 * kHour, kStart + hours(23)), kWitness + 23 * kHour);
  EXPECT_EQ(time.at(kWitness + 61 * kDay, kStart + hours(24)), kWitness + 61 * kDay);
}

TEST(CautiousTime, OneThatJumpsHasToGoSteadilyForADayAgain) {
  CautiousTime time(kWitness, kWitness, kStart);
  EXPECT_EQ(time.at(kWitness + 30 * kDay, kStart + hours(24 * 30)), kWitness + 30 * kDay);
  EXPECT_EQ(time.at(kWitness + 300 * kDay, kStart + hours(24 * 30 + 1)), kWitness + 30 * kDay + kHour);
  EXPECT_EQ(time.at(kWitness + 300 * kDay + 23 * kHour, kStart + hours(24 * 31)), kWitness + 31 * kDay);
}

TEST(CautiousTime, ASlewedClockIsStillTheSame) {
  CautiousTime time(kWitness, kWitness + 60 * kDay, kStart);
  const std::int64_t slewed = kWitness + 61 * kDay + 30'000'000;
  EXPECT_EQ(time.at(slewed, kStart + hours(24)), slewed);
}

}  // namespace
}  // namespace solo::consumers
