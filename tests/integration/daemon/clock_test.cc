// The wall clock is put forward and back under a running daemon: it is written down, and decides nothing.
#include <signal.h>

#include <set>

#include "tests/integration/daemon/orders.h"
#include "tests/support/stepped_clock.h"

namespace solo::testing {
namespace {

constexpr std::int64_t kDay = 86'400;

class WallClock : public Orders {
 protected:
  void SetUp() override {
    if (clock_.environment().empty()) GTEST_SKIP() << "nothing can be preloaded into this build";
    daemon_.set_environment(clock_.environment());
    start();
  }
  SteppedClock clock_;
};

TEST_F(WallClock, StepsOfADayChangeNoOrderNoStateAndNoRestartCount) {
  // Falls once each time it is told to; one more fall than its limit within an hour would give it up.
  auto spec = script_spec("#!/bin/sh\nexec sleep 1000000\n");
  spec.restart_limits.ensure().max_restarts = 3;
  spec.restart_limits->max_seconds = 3'600;
  ASSERT_TRUE(deploy("web", spec).ok);
  ASSERT_TRUE(deploy("steady", sleeper()).ok);
  const auto steady = status("steady");
  std::uint32_t falls = 0;
  for (const std::int64_t offset : {kDay, -kDay, std::int64_t{0}}) {
    clock_.set(offset);
    const auto former = status("web").pid;
    kill(former, SIGKILL);
    ++falls;
    ASSERT_TRUE(eventually([&] {
      const auto now = status("web");
      return now.state == v1::ServiceState::running && now.pid != former && now.restarts == falls;
    })) << daemon_.log();
    // Orders go on, in the order in which they were given.
    const auto name = "at-" + std::to_string(falls);
    ASSERT_TRUE(deploy(name, sleeper()).ok);
    ASSERT_TRUE(call(kill_request({}, "acme", name)).ok);
    EXPECT_EQ(status(name).state, v1::ServiceState::killed);
  }
  // With the clock a day ahead a window by the wall clock would have forgotten the falls; a day back, kept them.
  clock_.set(kDay);
  kill(status("web").pid, SIGKILL);
  ASSERT_TRUE(eventually_in("web", v1::ServiceState::failed)) << daemon_.log();
  EXPECT_EQ(status("web").restarts, 3U);
  EXPECT_EQ(status("steady").pid, steady.pid);
  EXPECT_EQ(status("steady").restarts, 0U);

  // Times go forth and back in the log, and a daemon that starts in the past finds everything as it was.
  client_.reset();
  daemon_.kill9();
  clock_.set(-kDay);
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("steady").pid, steady.pid);
  EXPECT_EQ(status("web").state, v1::ServiceState::failed);
  std::int64_t latest = 0;
  bool went_back = false;
  for (const auto& event : events()) {
    went_back = went_back || event.time < latest - 1'000'000 * kDay / 2;
    latest = std::max(latest, event.time);
  }
  EXPECT_TRUE(went_back) << "the clock was not stepped: this proves nothing";
}

}  // namespace
}  // namespace solo::testing
