#include "consumers/change_pace.h"

#include <gtest/gtest.h>

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;

TEST(ChangePace, TenAreFollowedAtOnceAndThenFiveASecond) {
  ChangePace pace;
  Instant now{1h};
  for (int change = 0; change < ChangePace::kAtOnce; ++change) {
    EXPECT_EQ(pace.next(now), now);
    pace.followed(now);
  }
  for (int change = 0; change < 100; ++change) {
    EXPECT_EQ(pace.next(now), now + ChangePace::kApart);
    now = pace.next(now);
    pace.followed(now);
  }
}

TEST(ChangePace, OneThatIsChangedNowAndThenIsNeverPutOff) {
  ChangePace pace;
  Instant now{1h};
  for (int change = 0; change < 1000; ++change, now += ChangePace::kApart) {
    EXPECT_EQ(pace.next(now), now);
    pace.followed(now);
  }
}

TEST(ChangePace, AfterAQuietTimeTenAreFollowedAtOnceAgainAndNotMore) {
  ChangePace pace;
  Instant now{1h};
  for (int change = 0; change < 3 * ChangePace::kAtOnce; ++change, now = pace.next(now)) pace.followed(now);
  now += 1h;
  for (int change = 0; change < ChangePace::kAtOnce; ++change) {
    EXPECT_EQ(pace.next(now), now);
    pace.followed(now);
  }
  EXPECT_EQ(pace.next(now), now + ChangePace::kApart);
}

}  // namespace
}  // namespace solo::consumers
