// What a new run makes of what a former one left, and the orderly end.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "consumers/proc.h"
#include "tests/integration/runtime/node.h"

namespace solo::consumers::testing {
namespace {

using v1::RestartPolicy;
using v1::ServiceState;

const std::vector<std::string> kForever = {"sleep", "300"};

class RuntimeRecoveryTest : public RuntimeTest {
 protected:
  // Services as a daemon that was killed leaves them: the processes of `dies` are killed with it.
  void leave_behind(const std::vector<std::string>& services, const std::vector<std::string>& dies = {},
                    std::uint32_t startup_timeout_ms = 0) {
    const auto node = start("run-1");
    auto spec = exec_spec(kForever);
    spec.restart_limits.ensure().startup_timeout_ms = startup_timeout_ms;
    for (const std::string& service : services) node->deploy(service, spec);
    for (const std::string& service : services) ASSERT_TRUE(node->becomes(service, ServiceState::running));
    std::vector<pid_t> victims;
    for (const std::string& service : dies) victims.push_back(node->pid(service));
    node_pid_ = services.empty() ? 0 : node->pid(services[0]);
    // Its runtime must not see the ends: it is dead by then.
    victims_ = victims;
  }
  void kill_victims() {
    for (const pid_t pid : victims_) ::kill(pid, SIGKILL);
    for (const pid_t pid : victims_) ASSERT_TRUE(eventually([&] { return !is_running(pid); }));
  }

  pid_t node_pid_ = 0;
  std::vector<pid_t> victims_;
};

TEST_F(RuntimeRecoveryTest, ARunningServiceIsAdopted) {
  leave_behind({"web"});
  const auto node = start("run-2");
  EXPECT_TRUE(node->becomes("web", ServiceState::running));
  EXPECT_EQ(node->pid("web"), node_pid_);
  const auto report = node->recovery();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->adopted, 1);
  EXPECT_EQ(report->recovered, 1);
  EXPECT_EQ(report->started, 0);
  EXPECT_EQ(report->scanned, 1);
  EXPECT_EQ(node->history("web").back(), "ServiceRecovered");
  // And it is in hand: its end is seen, and it comes back.
  ::kill(node_pid_, SIGKILL);
  EXPECT_TRUE(node->runs_as_other_than("web", node_pid_));
}

TEST_F(RuntimeRecoveryTest, AServiceThatDiedWithTheDaemonIsStartedAgain) {
  leave_behind({"a", "b"}, {"a", "b"});
  kill_victims();
  const auto node = start("run-2");
  for (const char* service : {"a", "b"}) {
    EXPECT_EQ(node->state(service), ServiceState::running);
    ASSERT_EQ(node->record(service)->instances.size(), 1);
    EXPECT_EQ(node->record(service)->instances[0]->run, "run-2");
    EXPECT_EQ(node->record(service)->restarts, 0);
    EXPECT_EQ(count_processes(service), 1);
  }
  EXPECT_EQ(node->recovery()->started, 2);
}

TEST_F(RuntimeRecoveryTest, WhateverRanIsStartedAgainWhateverItsPolicyAndWhatHadEndedIsNot) {
  {
    const auto node = start("run-1");
    node->deploy("temp", exec_spec(kForever, RestartPolicy::temporary));
    node->deploy("finished", exec_spec({"true"}, RestartPolicy::transient));
    node->deploy("failed", exec_spec({"/nowhere"}));
    node->deploy("killed", exec_spec(kForever));
    ASSERT_TRUE(node->becomes("temp", ServiceState::running));
    ASSERT_TRUE(node->becomes("finished", ServiceState::finished));
    ASSERT_TRUE(node->becomes("failed", ServiceState::failed));
    ASSERT_TRUE(node->becomes("killed", ServiceState::running));
    node->kill("killed");
    ASSERT_TRUE(node->becomes("killed", ServiceState::killed));
    victims_ = {node->pid("temp")};
  }
  kill_victims();
  const auto node = start("run-2");
  EXPECT_EQ(node->state("temp"), ServiceState::running);
  EXPECT_EQ(node->state("finished"), ServiceState::finished);
  EXPECT_EQ(node->state("failed"), ServiceState::failed);
  EXPECT_EQ(node->state("killed"), ServiceState::killed);
  EXPECT_EQ(found().size(), 1);
}

TEST_F(RuntimeRecoveryTest, AServiceKilledWhileNoDaemonRanIsStopped) {
  leave_behind({"web"});
  {
    // The order is in the log, and no runtime saw it.
    Node gateway(storage_, options("gateway"));
    gateway.kill("web");
  }
  ASSERT_TRUE(is_running(node_pid_));
  const auto node = start("run-2");
  EXPECT_FALSE(is_running(node_pid_));
  EXPECT_EQ(node->state("web"), ServiceState::killed);
  EXPECT_EQ(node->recovery()->stopped, 1);
  EXPECT_EQ(node->recovery()->skipped_killed, 1);
}

TEST_F(RuntimeRecoveryTest, AGenerationReplacedWhileNoDaemonRanIsReplacedAtTheStart) {
  leave_behind({"web"});
  {
    Node gateway(storage_, options("gateway"));
    gateway.kill("web");
    gateway.deploy("web", exec_spec({"sleep", "301"}));
  }
  const auto node = start("run-2");
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  EXPECT_FALSE(is_running(node_pid_));
  ASSERT_EQ(found().size(), 1);
  EXPECT_EQ(found()[0].marker.generation, 2);
}

TEST_F(RuntimeRecoveryTest, ARestartAskedForWhileNoDaemonRanIsMadeAtTheStart) {
  leave_behind({"web"});
  {
    Node gateway(storage_, options("gateway"));
    gateway.restart("web");
  }
  const auto node = start("run-2");
  ASSERT_TRUE(node->runs_as_other_than("web", node_pid_));
  EXPECT_FALSE(is_running(node_pid_));
}

TEST_F(RuntimeRecoveryTest, AProcessThatOverwroteItsEnvironmentIsKnownByItsRecordedIdentity) {
  {
    const auto node = start("run-1");
    node->deploy("web", exec_spec({"env", "-i", "/bin/sleep", "300"}));
    ASSERT_TRUE(node->becomes("web", ServiceState::running));
    node_pid_ = node->pid("web");
    ASSERT_TRUE(eventually([&] { return !proc::marker_of(node_pid_, std::chrono::steady_clock::now() + 1s); }));
  }
  {
    const auto node = start("run-2");
    EXPECT_EQ(node->pid("web"), node_pid_);
    EXPECT_EQ(node->recovery()->adopted, 1);
    node->kill("web");
    ASSERT_TRUE(node->becomes("web", ServiceState::killed));
  }
  EXPECT_FALSE(is_running(node_pid_));
}

TEST_F(RuntimeRecoveryTest, ARecordedPidThatMeansAnotherProcessIsLeftAlone) {
  leave_behind({"web"}, {"web"});
  kill_victims();
  // Another process, whose pid the log is made to name with another start time.
  auto bystander = spawn(*std::make_unique<LinuxProcessHost>(LinuxProcessHostOptions{}), [&] {
    auto request = shell("exec sleep 300");
    request.environment = {"PATH=/bin:/usr/bin"};
    return request;
  }());
  ASSERT_TRUE(bystander);
  const pid_t pid = (*bystander)->identity().pid;
  {
    Node observer(storage_, options("run-1"));
    v1::EventT event;
    event.tenant = "acme";
    event.service = "web";
    v1::ServiceStartedT started;
    started.observed.ensure().run = "run-1";
    started.observed->generation = 1;
    started.observed->instance = "run-1-9";
    started.identity.ensure().pid = pid;
    started.identity->start_time = 1;
    started.identity->boot_id = proc::boot_id();
    event.payload.Set(started);
    for (int i = 0; i < 20; ++i) observer.publisher().publish(event);
    ASSERT_TRUE(observer.publisher().drain(std::chrono::steady_clock::now() + 10s));
    ASSERT_TRUE(eventually([&] { return observer.pid("web") == pid; }));
  }
  const auto node = start("run-2");
  EXPECT_EQ(node->state("web"), ServiceState::running);
  EXPECT_NE(node->pid("web"), pid);
  EXPECT_TRUE(is_running(pid));
  node->kill("web");
  EXPECT_TRUE(node->becomes("web", ServiceState::killed));
  EXPECT_TRUE(is_running(pid));
  ::kill(pid, SIGKILL);
}

TEST_F(RuntimeRecoveryTest, DescendantsOfADeadServiceAreGoneBeforeItIsStarted) {
  pid_t grandchild = 0;
  {
    const auto node = start("run-1");
    node->deploy("web", script_spec("#!/bin/sh\nsleep 300 &\necho $!\nwait\n"));
    ASSERT_TRUE(eventually([&] { return !node->output("web").empty(); }));
    grandchild = std::stoi(node->output("web"));
    ASSERT_TRUE(node->becomes("web", ServiceState::running));
    victims_ = {node->pid("web")};
  }
  kill_victims();
  ASSERT_TRUE(is_running(grandchild));
  const auto node = start("run-2");
  EXPECT_EQ(node->state("web"), ServiceState::running);
  EXPECT_FALSE(is_running(grandchild));
  EXPECT_EQ(count_processes("web"), 1);
}

TEST_F(RuntimeRecoveryTest, ProcessesOfServicesNobodyKnowsAreStopped) {
  LinuxProcessHost host{LinuxProcessHostOptions{}};
  auto stray = spawn(host, shell("exec sleep 300"));
  ASSERT_TRUE(stray);
  const auto node = start("run-1");
  EXPECT_TRUE(eventually([&] { return found().empty(); }));
  EXPECT_EQ(node->recovery()->stopped, 1);
  // Not a word about it in the views' dead letters.
  EXPECT_EQ(node->views().partition(0).meta().dead_letters, 0);
}

TEST_F(RuntimeRecoveryTest, OneServiceThatCannotStartIsReportedAndTriedAgain) {
  std::filesystem::copy_file("/bin/sleep", path("program"));
  {
    const auto node = start("run-1");
    node->deploy("good", exec_spec(kForever));
    node->deploy("bad", exec_spec({path("program").string(), "300"}));
    ASSERT_TRUE(node->becomes("good", ServiceState::running));
    ASSERT_TRUE(node->becomes("bad", ServiceState::running));
    victims_ = {node->pid("good"), node->pid("bad")};
  }
  kill_victims();
  std::filesystem::rename(path("program"), path("moved"));
  const auto node = start("run-2");
  EXPECT_EQ(node->state("good"), ServiceState::running);
  EXPECT_EQ(node->state("bad"), ServiceState::starting);
  EXPECT_EQ(node->record("bad")->reason, "program not found: " + path("program").string());
  const auto report = node->recovery();
  ASSERT_EQ(report->failures.size(), 1);
  EXPECT_EQ(report->failures[0]->service, "bad");
  EXPECT_NE(node->runtime().status().detail.find("acme/bad cannot start"), std::string::npos);
  std::filesystem::rename(path("moved"), path("program"));
  EXPECT_TRUE(node->becomes("bad", ServiceState::running));
}

TEST_F(RuntimeRecoveryTest, AServiceThatHangsAtRecoveryDoesNotHoldUpReadiness) {
  leave_behind({"stuck", "good"}, {"stuck", "good"}, 8'000);
  kill_victims();
  std::filesystem::remove(service_path("stuck", "output.log"));
  make_fifo(service_path("stuck", "output.log"));
  auto hurried = options("run-2");
  // The other one must be back by then, however busy the machine is, and this one's start-up timeout far from over.
  hurried.runtime.recovery_timeout = 3s;
  const auto node = start(hurried);
  EXPECT_EQ(node->runtime().status().phase, RuntimePhase::recovering);
  EXPECT_EQ(node->state("good"), ServiceState::running);
  ASSERT_EQ(node->recovery()->failures.size(), 1);
  EXPECT_TRUE(eventually([&] { return node->runtime().status().phase == RuntimePhase::running; }, 40s));
  EXPECT_TRUE(node->becomes("stuck", ServiceState::starting));
}

TEST_F(RuntimeRecoveryTest, ManyServicesComeBackTogether) {
  constexpr int kServices = 60;
  {
    const auto node = start("run-1");
    for (int i = 0; i < kServices; ++i) node->deploy("s" + std::to_string(i), exec_spec(kForever));
    for (int i = 0; i < kServices; ++i) {
      ASSERT_TRUE(node->becomes("s" + std::to_string(i), ServiceState::running));
      victims_.push_back(node->pid("s" + std::to_string(i)));
    }
  }
  kill_victims();
  const auto node = start("run-2");
  EXPECT_EQ(node->recovery()->started, kServices);
  EXPECT_EQ(found().size(), kServices);
}

TEST_F(RuntimeRecoveryTest, AnotherNodesRuntimeIsNotTakenOverUnlessAsked) {
  leave_behind({"web"});
  auto elsewhere = options("run-2");
  elsewhere.name = "node-2";
  elsewhere.state = path("state-2");
  {
    const auto gateway = start(elsewhere);
    EXPECT_EQ(gateway->runtime().status().phase, RuntimePhase::gateway_only);
    gateway->deploy("other", exec_spec(kForever));
    EXPECT_EQ(gateway->state("other"), ServiceState::starting);
  }
  elsewhere.run = "run-3";
  elsewhere.runtime.take_over = true;
  const auto node = start(elsewhere);
  EXPECT_TRUE(node->becomes("other", ServiceState::running));
  EXPECT_TRUE(node->becomes("web", ServiceState::running));
  EXPECT_EQ(node->record("web")->instances[0]->node, "node-2");
}

TEST_F(RuntimeRecoveryTest, ANodeThatIsAGatewayOnlyStopsWhatItLeftUnlessAnotherHasAdoptedIt) {
  leave_behind({"web"});
  auto elsewhere = options("run-2");
  elsewhere.name = "node-2";
  elsewhere.state = path("state-2");
  elsewhere.runtime.take_over = true;
  const auto taker = start(elsewhere);
  ASSERT_TRUE(taker->becomes("web", ServiceState::running));
  ASSERT_EQ(taker->pid("web"), node_pid_);
  LinuxProcessHost host{LinuxProcessHostOptions{}};
  auto stray = spawn(host, shell("sleep 300 & wait"));
  ASSERT_TRUE(stray);
  const auto node = start("run-3");
  EXPECT_EQ(node->runtime().status().phase, RuntimePhase::gateway_only);
  EXPECT_TRUE(eventually([&] { return found().size() == 1; }));
  EXPECT_TRUE(is_running(node_pid_));
  EXPECT_EQ(taker->state("web"), ServiceState::running);
}

TEST_F(RuntimeRecoveryTest, ARunThatIsTakenOverStopsItsServices) {
  const auto node = start("run-1");
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  const pid_t pid = node->pid("web");
  auto elsewhere = options("run-2");
  elsewhere.name = "node-2";
  elsewhere.state = path("state-2");
  elsewhere.runtime.take_over = true;
  // Over the same storage the second log's records are seen by the first.
  const auto taker = start(elsewhere);
  EXPECT_TRUE(eventually([&] { return !is_running(pid); }));
  EXPECT_TRUE(eventually([&] { return node->runtime().status().phase == RuntimePhase::gateway_only; }));
  EXPECT_TRUE(taker->becomes("web", ServiceState::running));
}

TEST_F(RuntimeRecoveryTest, AnOrderlyStopEndsServicesAndTheNextStartBringsThemBack) {
  {
    const auto node = start("run-1");
    node->deploy("a", exec_spec(kForever));
    node->deploy("deaf", script_spec("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n"));
    auto short_deaf = script_spec("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n");
    short_deaf.restart_limits.ensure().shutdown_timeout_ms = 200;
    node->deploy("short-deaf", short_deaf);
    for (const char* service : {"a", "deaf", "short-deaf"}) {
      ASSERT_TRUE(node->becomes(service, ServiceState::running));
    }
    node->deploy("web", exec_spec(kForever));
    EXPECT_EQ(node->shutdown(), std::vector<std::string>{});
    EXPECT_TRUE(found().empty());
    EXPECT_EQ(node->history("a").back(), "ServiceStopped");
    EXPECT_EQ(node->runtime().status().phase, RuntimePhase::stopped);
  }
  const auto node = start("run-2");
  for (const char* service : {"a", "deaf", "short-deaf", "web"}) {
    EXPECT_TRUE(node->becomes(service, ServiceState::running));
  }
}

TEST_F(RuntimeRecoveryTest, AnOrderlyStopMayLeaveServicesRunning) {
  {
    const auto node = start("run-1");
    node->deploy("web", exec_spec(kForever));
    ASSERT_TRUE(node->becomes("web", ServiceState::running));
    node_pid_ = node->pid("web");
    EXPECT_EQ(node->shutdown(ServicesAtShutdown::leave), std::vector<std::string>{});
    EXPECT_TRUE(is_running(node_pid_));
  }
  const auto node = start("run-2");
  EXPECT_EQ(node->pid("web"), node_pid_);
}

TEST_F(RuntimeRecoveryTest, AStopEndsWhatIsBeingStarted) {
  const auto node = start("run-1");
  std::filesystem::create_directories(service_path("stuck", "").parent_path());
  make_fifo(service_path("stuck", "output.log"));
  auto spec = exec_spec(kForever);
  spec.restart_limits.ensure().startup_timeout_ms = 5'000;
  node->deploy("stuck", spec);
  ASSERT_TRUE(eventually([&] { return node->runtime().status().spawns_in_flight == 1; }));
  EXPECT_EQ(node->shutdown(), std::vector<std::string>{});
  EXPECT_TRUE(found().empty());
}

TEST_F(RuntimeRecoveryTest, WhileTheLogTakesNothingServicesGoOnAndAreReportedLater) {
  const auto node = start("run-1");
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  const pid_t former = node->pid("web");
  node->log().set_writable(false);
  ::kill(former, SIGKILL);
  ASSERT_TRUE(eventually([&] { return count_processes("web") == 1 && !is_running(former); }));
  EXPECT_EQ(node->pid("web"), former);
  EXPECT_TRUE(
      eventually([&] { return node->runtime().status().detail.find("observations wait: ") != std::string::npos; }));
  node->log().set_writable(true);
  EXPECT_TRUE(node->runs_as_other_than("web", former));
}

TEST_F(RuntimeRecoveryTest, ObservationsThatMissedTheLogAreSentAtTheNextStart) {
  {
    const auto node = start("run-1");
    node->deploy("job", exec_spec({"true"}, RestartPolicy::temporary));
    ASSERT_TRUE(node->becomes("job", ServiceState::finished));
    std::filesystem::create_directories(service_path("late", "").parent_path());
    make_fifo(service_path("late", "go"));
    node->deploy("late", script_spec("#!/bin/sh\nread x < go\nexit 0\n", RestartPolicy::temporary));
    ASSERT_TRUE(node->becomes("late", ServiceState::running));
    node->log().set_writable(false);
    std::ofstream(service_path("late", "go")) << "x\n";
    ASSERT_TRUE(eventually([&] { return node->publisher().pending() == 1; }));
    node->runtime().shutdown(std::chrono::steady_clock::now() + 5s, ServicesAtShutdown::stop);
    const auto left = node->publisher().close(std::chrono::steady_clock::now() + 10ms);
    ASSERT_TRUE(left);
    EXPECT_EQ(left->size(), 1);
    node->log().set_writable(true);
  }
  const auto node = start("run-2");
  // It had finished, and that is in force: it is not started again.
  EXPECT_EQ(node->state("late"), ServiceState::finished);
}

}  // namespace
}  // namespace solo::consumers::testing
