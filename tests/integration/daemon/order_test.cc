// What an operator may rely on when orders follow one another and programs misbehave: a real daemon, real processes.
#include <sys/stat.h>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

class OrdersInTurn : public Orders {
 protected:
  void SetUp() override { start(); }

  /// Far more than the others need, however busy the machine is.
  static constexpr std::chrono::milliseconds kStartupTimeout{60'000};
  static v1::SpecT slow_starter() {
    auto spec = sleeper();
    spec.restart_limits.ensure().startup_timeout_ms = static_cast<std::uint32_t>(kStartupTimeout.count());
    return spec;
  }
};

TEST_F(OrdersInTurn, DeployKillDeployRestartOfTheDaemonRunsTheSecondGenerationOnce) {
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  ASSERT_TRUE(call(kill_request({}, "acme", "web")).ok);
  const auto second = deploy("web", sleeper());
  ASSERT_TRUE(second.ok);
  daemon_.kill9();
  while (daemon_.kill_services() > 0) pause_briefly();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  const auto running = daemon_.processes();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running.front().generation, second.body.AsServiceStatus()->generation);
}

TEST_F(OrdersInTurn, AKillByForceEndsWhatAGracefulOneStillWaitsFor) {
  start();
  ASSERT_TRUE(deploy("stubborn", stubborn(600'000)).ok) << daemon_.log();
  ASSERT_TRUE(eventually_says("stubborn", "ready"));
  auto graceful = kill_request({}, "acme", "stubborn");
  graceful.wait = v1::Wait::applied;
  ASSERT_TRUE(call(graceful).ok);
  ASSERT_TRUE(eventually_says("stubborn", "asked"));
  auto by_force = kill_request({}, "acme", "stubborn");
  by_force.body.AsKill()->force = true;
  const auto reply = call(by_force);
  EXPECT_TRUE(reply.ok) << reply.error->message;
  EXPECT_TRUE(pids_of("stubborn").empty());
  EXPECT_EQ(status("stubborn").state, v1::ServiceState::killed);
}

TEST_F(OrdersInTurn, AServiceThatCannotStartDoesNotHoldUpTheOthers) {
  // Held before its exec by a FIFO without a reader, until its start-up timeout.
  const auto home = daemon_.state() / "services" / "acme" / "held";
  std::filesystem::create_directories(home);
  ASSERT_EQ(mkfifo((home / "output.log").c_str(), 0600), 0);
  ASSERT_TRUE(deploy("held", slow_starter(), v1::Wait::accepted).ok);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(deploy("good-" + std::to_string(i), sleeper()).ok);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kStartupTimeout / 2);
  EXPECT_EQ(status("held").state, v1::ServiceState::starting);
}

TEST_F(OrdersInTurn, AServiceThatCannotStartIsNoOtherOnesDelayAfterACrashEither) {
  ASSERT_TRUE(deploy("first", sleeper()).ok);
  ASSERT_TRUE(deploy("held", slow_starter()).ok);
  ASSERT_TRUE(deploy("last", sleeper()).ok);
  daemon_.kill9();
  while (daemon_.kill_services() > 0) pause_briefly();
  const auto output = daemon_.state() / "services" / "acme" / "held" / "output.log";
  std::filesystem::remove(output);
  ASSERT_EQ(mkfifo(output.c_str(), 0600), 0);
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 2; }, kStartupTimeout / 2)) << daemon_.log();
}

TEST_F(OrdersInTurn, ACrashingServiceIsRestartedWithinItsLimitsAndTakesNothingElseDown) {
  ASSERT_TRUE(deploy("steady", sleeper()).ok);
  const auto before = status("steady");
  auto spec = script_spec("#!/bin/sh\necho about to fall\nexit 7\n");
  spec.restart_limits.ensure().max_restarts = 3;
  ASSERT_TRUE(deploy("falling", std::move(spec), v1::Wait::applied).ok);
  ASSERT_TRUE(eventually_in("falling", v1::ServiceState::failed)) << daemon_.log();
  const auto failed = status("falling");
  EXPECT_EQ(failed.exit_status, "exit 7");
  EXPECT_EQ(failed.restarts, 3U);
  EXPECT_NE(failed.reason.find("3 times"), std::string::npos) << failed.reason;
  EXPECT_EQ(status("steady").pid, before.pid);
  EXPECT_EQ(daemon_.processes().size(), 1U);
}

TEST_F(OrdersInTurn, NoDescriptorOfTheDaemonIsOpenInAService) {
  ASSERT_TRUE(deploy("lister", script_spec("#!/bin/sh\nls -l /proc/self/fd\nexec sleep 1000000\n")).ok);
  const auto output = daemon_.state() / "services" / "acme" / "lister" / "output.log";
  // `ls` itself has the directory open; the shell, its script.
  ASSERT_TRUE(eventually([&] { return read_file(output).find("/proc/") != std::string::npos; }));
  const std::string listing = read_file(output);
  EXPECT_EQ(listing.find("command.sock"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("socket:"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("anon_inode"), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "log").string()), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "lock").string()), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "views").string()), std::string::npos) << listing;
}

}  // namespace
}  // namespace solo::testing
