// A daemon whose user may have no more threads and processes: services wait for room, and the daemon goes on.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

class ProcessLimit : public Orders {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can be a user of whom nothing else runs";
  }
  std::size_t threads() {
    std::size_t count = 0;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(daemon_.child().pid()) + "/task")) {
      (void)task;
      ++count;
    }
    return count;
  }
  bool is_alive() { return !daemon_.child().wait(std::chrono::milliseconds(0)); }
};

TEST_F(ProcessLimit, WhatFindsNoRoomIsToldSoAndNothingElseStops) {
  // As many as it has by itself, and room for a few services; which of its own threads come late finds none.
  constexpr unsigned kRoom = 40;
  daemon_.run_with_process_limit(kRoom);
  start();
  int refused = 0;
  for (int number = 0; number < 40 && refused < 2; ++number) {
    auto spec = sleeper();
    // One that has room must be up by then, however busy the machine is.
    spec.restart_limits.ensure().startup_timeout_ms = 5000;
    const auto reply = deploy("s" + std::to_string(number), spec);
    ASSERT_TRUE(is_alive()) << daemon_.log();
    if (reply.ok) continue;
    ++refused;
    EXPECT_NE(reply.error->message.find("pids.max"), std::string::npos) << reply.error->message;
  }
  EXPECT_EQ(refused, 2) << "there was room for all: " << threads() << " threads";
  EXPECT_EQ(health().status, v1::HealthStatus::ok);
  const auto running = daemon_.processes().size();
  EXPECT_GT(running, 0U);
  // And it comes up again with as much: whatever it wants to do besides.
  kill_everything();
  start();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() >= running - 2; })) << daemon_.log();
  EXPECT_TRUE(is_alive()) << daemon_.log();
  EXPECT_TRUE(call(kill_request({}, "acme", "s0")).ok);
  client_.reset();
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

TEST_F(ProcessLimit, WithoutRoomForItsOwnThreadsItSaysWhichLimitItIs) {
  daemon_.run_with_process_limit(4);
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(std::chrono::seconds(20)), 1);
  EXPECT_NE(daemon_.log().find("pids.max"), std::string::npos) << daemon_.log();
}

}  // namespace
}  // namespace solo::testing
