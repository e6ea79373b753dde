// SIGTERM: what is said while the daemon stops, what it waits for, and what it leaves.
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Shutdown : public Orders {
 protected:
  void deploy_stubborn(std::uint32_t shutdown_timeout_ms) {
    ASSERT_TRUE(deploy("stubborn", stubborn(shutdown_timeout_ms)).ok) << daemon_.log();
    ASSERT_TRUE(eventually_says("stubborn", "ready"));
  }
  /// What one of them has started may sleep on for a moment, and then ends by itself.
  bool all_end() const {
    return eventually([&] { return daemon_.processes().empty(); });
  }
  bool logged(const std::string& words) const { return daemon_.log().find(words) != std::string::npos; }
  std::size_t times_logged(const std::string& words) const {
    const std::string log = daemon_.log();
    std::size_t times = 0;
    for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++times;
    return times;
  }
};

TEST_F(Shutdown, NamesEveryStepAndHealthSaysWhatItWaitsFor) {
  start();
  // Time enough for all that is asked meanwhile.
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn(8'000));
  ASSERT_TRUE(deploy("nap", sleeper()).ok);
  daemon_.child().signal(SIGTERM);
  ASSERT_TRUE(eventually_says("stubborn", "asked"));
  ASSERT_TRUE(eventually([&] { return health().detail.find("waits for 1 services") != std::string::npos; }));
  const auto report = health();
  EXPECT_EQ(report.status, v1::HealthStatus::stopping);
  EXPECT_NE(report.detail.find("SIGTERM"), std::string::npos) << report.detail;
  EXPECT_NE(report.detail.find("stopping the services"), std::string::npos) << report.detail;
  EXPECT_NE(report.detail.find("waits for 1 services to end (acme/stubborn)"), std::string::npos) << report.detail;
  const auto refused = deploy("late", sleeper());
  ASSERT_FALSE(refused.ok);
  EXPECT_EQ(refused.error->code, v1::ErrorCode::unavailable);
  EXPECT_TRUE(refused.error->retryable);
  EXPECT_FALSE(refused.error->hint.empty());
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 0) << daemon_.log();
  std::size_t at = 0;
  for (const char* step : {"stopping: SIGTERM", "refusing new commands", "stopping the services, 2 processes",
                           "and the end of the shutdown into the log",
                           "flushing the views, closing the command socket and the log", "stopped after"}) {
    at = daemon_.log().find(step, at);
    ASSERT_NE(at, std::string::npos) << step << "\n" << daemon_.log();
  }
}

TEST_F(Shutdown, KillsAServiceThatDoesNotListenAfterItsOwnTimeAndIsOrderlyAllTheSame) {
  start();
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn(700));
  EXPECT_EQ(daemon_.stop(seconds(15)), 0) << daemon_.log();
  EXPECT_TRUE(all_end());
  EXPECT_EQ(history("stubborn").back(), "ServiceStopped");
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("stubborn").state, v1::ServiceState::running) << "it was not killed in the log";
}

TEST_F(Shutdown, AtItsDeadlineKillsServicesNamesThemAndHasExitStatusOne) {
  daemon_.set_arguments({"--shutdown-deadline-ms", "2000"});
  start();
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn(60'000));
  EXPECT_EQ(daemon_.stop(seconds(15)), 1) << daemon_.log();
  EXPECT_TRUE(logged("not done: acme/stubborn: process ")) << daemon_.log();
  EXPECT_TRUE(all_end());
  for (const auto& event : events()) {
    if (const auto* complete = event.payload.AsSystemShutdownComplete()) {
      EXPECT_EQ(complete->exit_code, 1);
    }
  }
}

TEST_F(Shutdown, AtASecondSignalNamesWhatIsNotOnTheDiskKillsServicesAndHasExitStatusOne) {
  start();
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn(60'000));
  daemon_.child().signal(SIGTERM);
  ASSERT_TRUE(eventually_says("stubborn", "asked"));
  daemon_.child().signal(SIGTERM);
  EXPECT_EQ(daemon_.child().wait(seconds(10)), 1) << daemon_.log();
  EXPECT_TRUE(logged("a second signal"));
  EXPECT_TRUE(logged("not done: views from 0:")) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().empty(); }));
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(instances_of("stubborn").size(), 1U);
}

TEST_F(Shutdown, AtASecondSignalKillsAServiceThatNothingMarksToo) {
  start();
  // Neither its environment nor its name says whose it is.
  auto spec = script_spec("#!/bin/sh\nexec env -i /bin/sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done'\n");
  spec.restart_limits.ensure().shutdown_timeout_ms = 60'000;
  ASSERT_TRUE(deploy("bare", spec).ok);
  ASSERT_TRUE(eventually_says("bare", "ready"));
  const pid_t pid = status("bare").pid;
  daemon_.child().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return logged("stopping"); }));
  daemon_.child().signal(SIGTERM);
  EXPECT_EQ(daemon_.child().wait(seconds(10)), 1) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0; })) << daemon_.log();
  EXPECT_TRUE(logged("killed acme/bare"));
}

TEST_F(Shutdown, WhileServicesComeBackStopsThoseThatAreAndTheNextStartBringsAllBack) {
  start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(deploy("s" + std::to_string(i), sleeper()).ok);
  ASSERT_TRUE(deploy("held", sleeper()).ok);
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  // A FIFO without a reader holds it before its exec.
  const auto output = home_of("held") / "output.log";
  std::filesystem::remove(output);
  ASSERT_EQ(mkfifo(output.c_str(), 0600), 0);
  daemon_.launch();
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 5; })) << daemon_.log();
  EXPECT_EQ(daemon_.stop(seconds(20)), 0) << daemon_.log();
  EXPECT_TRUE(daemon_.processes().empty());
  std::filesystem::remove(output);
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(daemon_.processes().size(), 6U);
}

TEST_F(Shutdown, BeforeTheLogIsOpenNamesTheServicesThatAFormerRunLeftAndHasExitStatusOne) {
  start();
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  const pid_t pid = status("web").pid;
  client_.reset();
  daemon_.kill9();
  // Nobody answers there. (A log of its own would be in the way.)
  const auto log = daemon_.state() / "log";
  std::filesystem::rename(log, files_.path() / "log");
  const auto stop_while_it_waits = [&](std::vector<std::string> arguments) {
    const std::size_t waits = times_logged("waiting for Kafka");
    arguments.insert(arguments.end(), {"--kafka", "127.0.0.1:1"});
    daemon_.set_arguments(std::move(arguments));
    daemon_.launch();
    EXPECT_TRUE(eventually([&] { return times_logged("waiting for Kafka") > waits; })) << daemon_.log();
    daemon_.child().signal(SIGTERM);
    return daemon_.child().wait(seconds(10));
  };
  EXPECT_EQ(stop_while_it_waits({}), 1) << daemon_.log();
  EXPECT_TRUE(logged("not done: acme/web: process " + std::to_string(pid) + " ")) << daemon_.log();
  EXPECT_EQ(kill(pid, 0), 0) << "what the log says of it was not known";
  EXPECT_EQ(stop_while_it_waits({"--shutdown-services", "leave"}), 0) << daemon_.log();
  std::filesystem::rename(files_.path() / "log", log);
  daemon_.set_arguments({});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("web").pid, pid);
}

TEST_F(Shutdown, BeforeTheRuntimeIsClaimedStopsWhatAFormerRunLeft) {
  start();
  ASSERT_TRUE(deploy("web", script_spec("#!/bin/sh\nsleep 1000000 &\nwait\n")).ok);
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn(700));
  client_.reset();
  daemon_.kill9();
  ASSERT_FALSE(daemon_.processes().empty());
  daemon_.set_arguments(with_a_full_log());
  daemon_.launch();
  ASSERT_TRUE(reaches()) << daemon_.log();
  ASSERT_TRUE(eventually([&] { return health().detail.find("claiming the runtime") != std::string::npos; }))
      << health().detail;
  EXPECT_EQ(daemon_.stop(seconds(40)), 1) << "its events found no way into the log";
  EXPECT_TRUE(logged("kept in the outbox: ")) << daemon_.log();
  EXPECT_TRUE(all_end());
  daemon_.set_arguments({});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("web").state, v1::ServiceState::running);
  EXPECT_EQ(instances_of("stubborn").size(), 1U);
}

TEST_F(Shutdown, WhileACompileRunsEndsTheCompilerAndTheNextStartCompilesAgain) {
  daemon_.set_arguments(with_compiler("echo $$ > \"$(dirname \"$0\")/pid\"\nexec sleep 1000000\n"));
  start();
  v1::ReplyT in_flight;
  auto waiting = std::thread([&] {
    auto reply = daemon_.client()->call(deploy_request("d-1", "acme", "web", cxx_spec("int main() {}")));
    if (reply) in_flight = *std::move(reply);
  });
  const auto pid_file = files_.path() / "pid";
  EXPECT_TRUE(eventually([&] { return read_file(pid_file).find('\n') != std::string::npos; }));
  EXPECT_EQ(daemon_.stop(seconds(15)), 0) << daemon_.log();
  waiting.join();
  EXPECT_NE(kill(std::stoi(read_file(pid_file)), 0), 0) << "the compiler is gone";
  // Durable, and its effect is pending: that is the truth.
  ASSERT_TRUE(in_flight.error);
  EXPECT_EQ(in_flight.error->code, v1::ErrorCode::deadline_exceeded);
  EXPECT_FALSE(in_flight.position.empty());
  daemon_.set_arguments(with_compiler(kCompileToSleep));
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_TRUE(eventually_in("web", v1::ServiceState::running)) << daemon_.log();
  const auto again = call(deploy_request("d-1", "acme", "web", cxx_spec("int main() {}")));
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, in_flight.position);
}

}  // namespace
}  // namespace solo::testing
