#include "producers/log_limit.h"

#include <gtest/gtest.h>

namespace solo::producers {
namespace {

using namespace std::chrono_literals;

TEST(LogLimit, LetsOneThroughPerIntervalAndSaysHowManyItHeldBack) {
  LogLimit limit(1'000ms);
  const std::chrono::steady_clock::time_point start{5s};
  EXPECT_EQ(limit.take(start), 0U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.take(start + 999ms), std::nullopt);
  EXPECT_EQ(limit.take(start + 1'000ms), 3U);
  EXPECT_EQ(limit.take(start + 1'001ms), std::nullopt);
  EXPECT_EQ(limit.take(start + 10s), 1U);
  EXPECT_EQ(limit.take(start + 20s), 0U);
}

}  // namespace
}  // namespace solo::producers
