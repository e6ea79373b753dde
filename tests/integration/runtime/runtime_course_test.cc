// One service's course: start, end, kill, restart, replace, with real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "tests/integration/runtime/node.h"

namespace solo::consumers::testing {
namespace {

using v1::RestartPolicy;
using v1::ServiceState;
using Types = std::vector<std::string>;

const std::vector<std::string> kForever = {"sleep", "300"};

using RuntimeCourseTest = RuntimeTest;

TEST_F(RuntimeCourseTest, ADeployedServiceRunsAndIsReported) {
  const auto node = start();
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  const auto record = node->record("web");
  ASSERT_EQ(record->instances.size(), 1);
  EXPECT_EQ(record->instances[0]->node, "node-1");
  EXPECT_EQ(record->instances[0]->instance, "run-1-1");
  EXPECT_TRUE(is_running(node->pid("web")));
  EXPECT_EQ(node->history("web"), (Types{"ServiceDeployed", "ServiceStarted"}));
}

TEST_F(RuntimeCourseTest, AServiceSeesItsOwnEnvironmentAndNothingElse) {
  ::setenv("DAEMON_SECRET", "x", 1);
  const auto node = start();
  auto spec = exec_spec({"env"}, RestartPolicy::temporary);
  spec.env.emplace_back(v1::EnvVarT{});
  spec.env[0]->name = "COLOUR";
  spec.env[0]->value = "blue";
  node->deploy("web", spec);
  ASSERT_TRUE(node->becomes("web", ServiceState::finished));
  const std::string home = service_path("web", "").parent_path().string();
  EXPECT_EQ(node->output("web"), "SOLO_LOG=" + log_ +
                                     "\nSOLO_NODE=node-1\nSOLO_TENANT=acme\nSOLO_SERVICE=web\nSOLO_GENERATION=1\n"
                                     "SOLO_INSTANCE=run-1-1\nPATH=/usr/bin:/bin\nHOME=" +
                                     home + "\nLANG=C.UTF-8\nTZ=UTC\nCOLOUR=blue\n");
}

TEST_F(RuntimeCourseTest, AScriptRunsByItsShebangInItsOwnDirectoryWithItsArguments) {
  const auto node = start();
  auto spec = script_spec("#!/bin/sh\npwd; echo \"$1\"; exit 0\n", RestartPolicy::transient);
  spec.argv = {"first argument"};
  node->deploy("job", spec);
  ASSERT_TRUE(node->becomes("job", ServiceState::finished));
  EXPECT_EQ(node->output("job"), service_path("job", "").parent_path().string() + "\nfirst argument\n");
}

TEST_F(RuntimeCourseTest, AKillEndsAServiceInOrder) {
  const auto node = start();
  node->deploy("web", script_spec("#!/bin/sh\ntrap 'echo bye; exit 0' TERM\necho up\nwhile :; do sleep 0.05; done\n"));
  ASSERT_TRUE(eventually([&] { return node->output("web") == "up\n"; }));
  const pid_t pid = node->pid("web");
  node->kill("web");
  ASSERT_TRUE(node->becomes("web", ServiceState::killed));
  EXPECT_FALSE(is_running(pid));
  // The signal goes to the whole group, and the shell says so of its child.
  EXPECT_NE(node->output("web").find("bye\n"), std::string::npos);
  EXPECT_EQ(node->history("web").back(), "ServiceStopped");
}

TEST_F(RuntimeCourseTest, AServiceThatDoesNotListenIsKilledAfterItsGraceWithItsWholeGroup) {
  const auto node = start();
  node->deploy("web", script_spec("#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $!\nwhile :; do sleep 0.05; done\n"));
  ASSERT_TRUE(eventually([&] { return !node->output("web").empty(); }));
  const pid_t grandchild = std::stoi(node->output("web"));
  ASSERT_TRUE(is_running(grandchild));
  node->kill("web", 200);
  ASSERT_TRUE(node->becomes("web", ServiceState::killed));
  EXPECT_FALSE(is_running(grandchild));
  const auto record = node->record("web");
  EXPECT_EQ(record->last_end->signal, SIGKILL);
}

TEST_F(RuntimeCourseTest, AForcedKillDoesNotAsk) {
  const auto node = start();
  node->deploy("web", script_spec("#!/bin/sh\ntrap 'echo asked' TERM\necho up\nwhile :; do sleep 0.05; done\n"));
  ASSERT_TRUE(eventually([&] { return node->output("web") == "up\n"; }));
  node->kill("web", 60'000, true);
  ASSERT_TRUE(node->becomes("web", ServiceState::killed));
  EXPECT_EQ(node->output("web"), "up\n");
}

TEST_F(RuntimeCourseTest, ACrashedServiceIsRestartedAndItsLastOutputKept) {
  const auto node = start();
  node->deploy("web",
               script_spec("#!/bin/sh\nif [ -e again ]; then exec sleep 300; fi\ntouch again\necho oh no\nexit 3\n"));
  ASSERT_TRUE(eventually([&] { return node->history("web").size() == 4; }));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  EXPECT_EQ(node->history("web"), (Types{"ServiceDeployed", "ServiceStarted", "ServiceCrashed", "ServiceStarted"}));
  const auto record = node->record("web");
  EXPECT_EQ(record->restarts, 1);
  EXPECT_EQ(record->last_end->status, 3);
}

TEST_F(RuntimeCourseTest, ACrashLoopIsGivenUpAtItsLimitWithTheLastWordsOfTheService) {
  const auto node = start();
  auto spec = script_spec("#!/bin/sh\necho no luck\nexit 1\n");
  spec.restart_limits.ensure().max_restarts = 2;
  node->deploy("web", spec);
  node->deploy("good", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::failed));
  const auto record = node->record("web");
  EXPECT_EQ(record->reason, "restarted 2 times within 60 s");
  EXPECT_EQ(record->detail, "no luck\nno luck\nno luck\n");
  EXPECT_TRUE(node->becomes("good", ServiceState::running));
  EXPECT_EQ(node->history("good"), (Types{"ServiceDeployed", "ServiceStarted"}));
}

TEST_F(RuntimeCourseTest, PoliciesDecideWhatFollowsAnEnd) {
  const auto node = start();
  node->deploy("temp-bad", exec_spec({"false"}, RestartPolicy::temporary));
  node->deploy("temp-good", exec_spec({"true"}, RestartPolicy::temporary));
  node->deploy("trans-good", exec_spec({"true"}, RestartPolicy::transient));
  auto transient_bad = exec_spec({"false"}, RestartPolicy::transient);
  transient_bad.restart_limits.ensure().max_restarts = 1;
  node->deploy("trans-bad", transient_bad);
  auto permanent_good = exec_spec({"true"}, RestartPolicy::permanent);
  permanent_good.restart_limits.ensure().max_restarts = 1;
  node->deploy("perm-good", permanent_good);
  EXPECT_TRUE(node->becomes("temp-bad", ServiceState::failed));
  EXPECT_TRUE(node->becomes("temp-good", ServiceState::finished));
  EXPECT_TRUE(node->becomes("trans-good", ServiceState::finished));
  EXPECT_TRUE(node->becomes("trans-bad", ServiceState::failed));
  EXPECT_TRUE(node->becomes("perm-good", ServiceState::failed));
}

TEST_F(RuntimeCourseTest, ARestartReplacesTheProcess) {
  const auto node = start();
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  const pid_t former = node->pid("web");
  node->restart("web");
  ASSERT_TRUE(node->runs_as_other_than("web", former));
  EXPECT_FALSE(is_running(former));
  EXPECT_EQ(node->history("web"), (Types{"ServiceDeployed", "ServiceStarted", "ServiceRestartRequested",
                                         "ServiceStopped", "ServiceStarted"}));
}

TEST_F(RuntimeCourseTest, AReplaceTakesThePlaceOfTheGenerationBefore) {
  const auto node = start();
  node->deploy("web", exec_spec({"sleep", "301"}));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  node->deploy("web", exec_spec({"sleep", "302"}), true);
  ASSERT_TRUE(eventually([&] { return node->record("web")->current->generation == 2; }));
  EXPECT_EQ(count_processes("web"), 1);
  EXPECT_EQ(node->history("web"),
            (Types{"ServiceDeployed", "ServiceStarted", "ServiceDeployed", "ServiceStopped", "ServiceStarted"}));
}

TEST_F(RuntimeCourseTest, AReplaceWhoseProgramIsMissingLeavesTheRunningOneAlone) {
  const auto node = start();
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  const pid_t pid = node->pid("web");
  node->deploy("web", exec_spec({"/nowhere/program"}), true);
  ASSERT_TRUE(eventually([&] { return node->record("web")->failed_pending_generation == 2; }));
  EXPECT_EQ(node->record("web")->failed_pending_reason, "program not found: /nowhere/program");
  EXPECT_EQ(node->pid("web"), pid);
  EXPECT_TRUE(is_running(pid));
}

TEST_F(RuntimeCourseTest, AReplaceThatCannotBeSpawnedGivesThePlaceBack) {
  const auto node = start();
  node->deploy("web", exec_spec(kForever));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  // It can be found and is executable, but is neither a binary nor a script.
  std::ofstream(path("nonsense")) << std::string(100, '\x7f');
  std::filesystem::permissions(path("nonsense"), std::filesystem::perms::owner_all);
  const pid_t former = node->pid("web");
  node->deploy("web", exec_spec({path("nonsense").string()}), true);
  ASSERT_TRUE(eventually([&] { return node->record("web")->failed_pending_generation == 2; }));
  ASSERT_TRUE(node->runs_as_other_than("web", former));
  EXPECT_EQ(node->record("web")->current->generation, 1);
}

TEST_F(RuntimeCourseTest, DeployKillDeployRunsTheSecondGenerationOnce) {
  const auto node = start();
  node->deploy("web", exec_spec({"sleep", "301"}));
  node->kill("web");
  node->deploy("web", exec_spec({"sleep", "302"}));
  ASSERT_TRUE(node->becomes("web", ServiceState::running));
  ASSERT_TRUE(eventually([&] { return count_processes("web") == 1; }));
  EXPECT_EQ(node->record("web")->current->generation, 2);
  EXPECT_EQ(found()[0].marker.generation, 2);
}

TEST_F(RuntimeCourseTest, AMissingProgramFailsTheDeployment) {
  const auto node = start();
  node->deploy("web", exec_spec({"no-such-program"}));
  ASSERT_TRUE(node->becomes("web", ServiceState::failed));
  EXPECT_EQ(node->record("web")->reason, "program not found on the PATH: no-such-program");
  node->deploy("job", script_spec("#!/nowhere/sh\n"));
  ASSERT_TRUE(node->becomes("job", ServiceState::failed));
  EXPECT_EQ(node->record("job")->reason, "its interpreter cannot be run: program not found: /nowhere/sh");
}

TEST_F(RuntimeCourseTest, AKilledNameCanBeDeployedAgainAndAFailedOneRestarted) {
  const auto node = start();
  auto spec = exec_spec({"test", "-e", "marker"}, RestartPolicy::temporary);
  node->deploy("web", spec);
  ASSERT_TRUE(node->becomes("web", ServiceState::failed));
  std::ofstream(service_path("web", "marker")) << "x";
  node->restart("web");
  ASSERT_TRUE(node->becomes("web", ServiceState::finished));
  node->kill("web");
  ASSERT_TRUE(node->becomes("web", ServiceState::killed));
  node->deploy("web", exec_spec(kForever));
  EXPECT_TRUE(node->becomes("web", ServiceState::running));
}

}  // namespace
}  // namespace solo::consumers::testing
