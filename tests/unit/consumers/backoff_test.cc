#include "consumers/backoff.h"

#include <gtest/gtest.h>

#include <limits>

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;

class SystemWide : public ::testing::Test {
 protected:
  producers::SystemEntropy entropy_;
};

using BackoffTest = SystemWide;

TEST_F(BackoffTest, DoublesWithinItsRange) {
  constexpr BackoffRange kRange{100ms, 10s};
  for (std::size_t attempt = 1; attempt <= 12; ++attempt) {
    const auto full = std::min<std::chrono::milliseconds>(100ms * (1 << (attempt - 1)), 10s);
    for (int i = 0; i < 50; ++i) {
      const auto delay = backoff(attempt, kRange, entropy_);
      EXPECT_GE(delay, full / 2);
      EXPECT_LE(delay, full);
    }
  }
}

TEST_F(BackoffTest, DoesNotOverflow) {
  EXPECT_LE(backoff(std::numeric_limits<std::size_t>::max(), kRestartBackoff, entropy_), 10s);
}

TEST_F(BackoffTest, AWindowForgetsWhatIsOlder) {
  schemas::EffectiveLimits limits;
  limits.max_restarts = 2;
  limits.window = 10s;
  RestartWindow window;
  const Instant start{1h};
  EXPECT_TRUE(window.admit(start, limits));
  EXPECT_TRUE(window.admit(start + 1s, limits));
  EXPECT_FALSE(window.admit(start + 2s, limits));
  EXPECT_TRUE(window.admit(start + 11s + 1ms, limits));
}

TEST(RestartWindowTest, TheTimeARestartIsHeldBackIsNotOfTheWindow) {
  schemas::EffectiveLimits limits;
  limits.max_restarts = 3;
  limits.window = 10s;
  RestartWindow window;
  Instant now{1h};
  for (int restart = 0; restart < 3; ++restart, now += 1h) {
    EXPECT_TRUE(window.admit(now, limits));
    window.hold_back(1h);
  }
  EXPECT_FALSE(window.admit(now, limits));
}

}  // namespace
}  // namespace solo::consumers
