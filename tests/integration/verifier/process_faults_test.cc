// What runs and should not, what should run and does not: named, and mended.
#include <signal.h>

#include <fstream>

#include "tests/integration/verifier/verifier_fixture.h"

namespace solo::testing {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

class ProcessFaults : public VerifierTest {
 protected:
  /// Found by this name and nothing else; left alone without --fix; ended with it, told in the log, and then all
  /// agrees.
  void expect_named_and_ended(Child& stray, const std::string& code, const std::string& name) {
    auto report = verify();
    EXPECT_EQ(named(report), Names{name}) << words(report);
    EXPECT_EQ(report.status, v1::VerificationStatus::warning);
    EXPECT_EQ(first(report, code).process->pid, stray.pid());
    EXPECT_FALSE(stray.wait(0ms)) << "ended although nobody asked for it";
    report = fix();
    EXPECT_EQ(named(report), Names{name}) << words(report);
    EXPECT_TRUE(first(report, code).repaired) << words(report);
    EXPECT_EQ(report.repaired, 1U);
    EXPECT_EQ(report.status, v1::VerificationStatus::ok);
    EXPECT_EQ(stray.wait(10s), 128 + SIGTERM);
    EXPECT_EQ(named(verify()), Names{});
    // It was published; that it is durable is another matter.
    ASSERT_TRUE(eventually([&] { return !events(v1::Payload::DriftFixed).empty(); }));
    const auto fixed = events(v1::Payload::DriftFixed);
    ASSERT_EQ(fixed.size(), 1U);
    EXPECT_EQ(fixed[0].payload.AsDriftFixed()->code, code);
    EXPECT_EQ(fixed[0].payload.AsDriftFixed()->process->pid, stray.pid());
  }
};

TEST_F(ProcessFaults, ADaemonWithoutAnyAgrees) {
  start();
  deploy_sleeper("web");
  deploy("cron", script_spec("#!/bin/sh\nexec sleep 1000\n"));
  deploy_sleeper("old");
  kill_service("old");
  const auto report = verify({.rebuild = true});
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_EQ(report.total_deployed, 2U);
  EXPECT_EQ(report.status, v1::VerificationStatus::ok);
  EXPECT_TRUE(report.rebuilt);
  EXPECT_GE(report.checked.size(), 10U);
  EXPECT_EQ(solo({"verify", "--rebuild"}).code, 0);
}

TEST_F(ProcessFaults, AStrayOfAKilledServiceIsEnded) {
  start();
  const auto generation = deploy_sleeper("web");
  kill_service("web");
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  expect_named_and_ended(stray, "killed_service_is_gone", "killed_service_is_gone acme/web");
}

TEST_F(ProcessFaults, AStrayOfAnOldGenerationIsEnded) {
  start();
  const auto old = deploy_sleeper("web");
  deploy("web", exec_spec({"/bin/sleep", "1001"}), true);
  const auto pid = status("web").pid;
  Child& stray = spawn_stray({.service = "web", .generation = old});
  expect_named_and_ended(stray, "generation_is_deployed", "generation_is_deployed acme/web");
  EXPECT_EQ(status("web").pid, pid);
}

TEST_F(ProcessFaults, AStrayOfAnUnknownTenantIsEnded) {
  start();
  Child& stray = spawn_stray({.tenant = "nobody", .service = "web"});
  expect_named_and_ended(stray, "process_is_known", "process_is_known nobody/web");
}

TEST_F(ProcessFaults, AStrayOfAServiceThatWasNeverDeployedIsEnded) {
  start();
  deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "never", .generation = 7});
  expect_named_and_ended(stray, "process_is_known", "process_is_known acme/never");
}

TEST_F(ProcessFaults, ASecondInstanceIsEndedAndTheFirstRunsOn) {
  start();
  const auto generation = deploy_sleeper("web");
  const auto pid = status("web").pid;
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  expect_named_and_ended(stray, "one_instance", "one_instance acme/web");
  EXPECT_EQ(status("web").pid, pid);
}

TEST_F(ProcessFaults, AStrayOfAFinishedServiceIsEnded) {
  start();
  auto spec = exec_spec({"/bin/true"});
  spec.restart = v1::RestartPolicy::temporary;
  const auto generation = deploy("job", spec);
  ASSERT_TRUE(eventually([&] { return status("job").state == v1::ServiceState::finished; }));
  Child& stray = spawn_stray({.service = "job", .generation = generation});
  expect_named_and_ended(stray, "ended_service_is_gone", "ended_service_is_gone acme/job");
}

TEST_F(ProcessFaults, AnotherNodesProcessIsTwoRuntimesAndIsLeftAlone) {
  start();
  const auto generation = deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "web", .generation = generation, .node = "elsewhere"});
  const auto report = fix();
  EXPECT_EQ(named(report), Names{"one_runtime"}) << words(report);
  EXPECT_EQ(report.status, v1::VerificationStatus::critical);
  EXPECT_FALSE(stray.wait(500ms));
  EXPECT_EQ(report.repaired, 0U);
  EXPECT_NE(first(report, "one_runtime").repair.find("left alone"), std::string::npos);
  EXPECT_TRUE(events(v1::Payload::DriftFixed).empty());
  EXPECT_EQ(health().status, v1::HealthStatus::degraded);
}

TEST_F(ProcessFaults, AnotherNodeHoldsBackTheRepairsOfItsServicesWhoeverAsksAndOfNoOther) {
  start();
  const auto generation = deploy_sleeper("web");
  const auto other = deploy_sleeper("db");
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  spawn_stray({.service = "web", .generation = generation, .node = "elsewhere"});
  Child& mended = spawn_stray({.service = "db", .generation = other});
  Child& globex = spawn_stray({.tenant = "globex", .service = "web"});
  const auto report = fix();
  EXPECT_EQ(named(report),
            (Names{"one_instance acme/db", "one_instance acme/web", "one_runtime", "process_is_known globex/web"}))
      << words(report);
  EXPECT_EQ(report.repaired, 2U) << words(report);
  EXPECT_TRUE(mended.wait(10s));
  EXPECT_TRUE(globex.wait(10s));
  for (const char* tenant : {"*", "acme"}) {
    const auto again = verify({.fix = true, .tenant = tenant});
    EXPECT_EQ(named(again), (Names{"one_instance acme/web", "one_runtime"})) << words(again);
    EXPECT_NE(first(again, "one_instance").repair.find("another node"), std::string::npos) << words(again);
    EXPECT_EQ(again.repaired, 0U);
  }
  EXPECT_EQ(named(verify({.tenant = "globex"})), Names{});
  EXPECT_FALSE(stray.wait(500ms));
}

TEST_F(ProcessFaults, AServicesChildThatNamesAnotherNodeIsAStrayAndNoSecondRuntime) {
  start();
  deploy("tree", script_spec("#!/bin/sh\nSOLO_NODE=elsewhere SOLO_INSTANCE=fake-1 setsid sleep 1000 &\n"
                             "exec sleep 1000\n"));
  const auto generation = deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  ASSERT_TRUE(eventually([&] { return count_sleepers() == 4; }));
  const auto report = fix();
  EXPECT_EQ(named(report), (Names{"one_instance acme/tree", "one_instance acme/web"})) << words(report);
  EXPECT_EQ(report.repaired, 2U) << words(report);
  EXPECT_TRUE(stray.wait(10s));
  EXPECT_EQ(named(verify()), Names{});
  EXPECT_EQ(daemon_.processes().size(), 2U);
}

TEST_F(ProcessFaults, AllStraysOfAServiceAreEndedByOneVerification) {
  start();
  const auto generation = deploy_sleeper("web");
  const auto pid = status("web").pid;
  std::vector<Child*> strays;
  for (int i = 0; i < 5; ++i) {
    // Two of them share an instance: the second may go with the first.
    strays.push_back(&spawn_stray(
        {.service = "web", .generation = generation, .instance = "stray-" + std::to_string(std::min(i, 3))}));
  }
  const auto report = fix();
  EXPECT_EQ(report.inconsistencies_found, 5U) << words(report);
  EXPECT_EQ(report.repaired, 5U) << words(report);
  for (Child* stray : strays) EXPECT_TRUE(stray->wait(10s));
  EXPECT_EQ(named(verify()), Names{});
  EXPECT_EQ(status("web").pid, pid);
}

TEST_F(ProcessFaults, AStrayOfAServiceThatKeepsCrashingIsEndedBetweenItsRestarts) {
  start();
  auto spec = script_spec("#!/bin/sh\nexit 1\n");
  spec.restart_limits.ensure().max_restarts = 1000;
  const auto generation = deploy("web", spec);
  ASSERT_TRUE(eventually([&] { return status("web").restarts >= 5; }));
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  ASSERT_TRUE(eventually([&] { return fix().repaired == 1; }));
  EXPECT_TRUE(stray.wait(10s));
  const auto restarts = status("web").restarts;
  EXPECT_TRUE(eventually([&] { return status("web").restarts > restarts; })) << "it goes on";
}

TEST_F(ProcessFaults, ADryRunSaysWhatItWouldDoAndDoesNothing) {
  start();
  const auto generation = deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  const auto report = verify({.fix = true, .dry_run = true});
  EXPECT_EQ(first(report, "one_instance").repair, "would be mended: stop");
  EXPECT_FALSE(stray.wait(500ms));
  const Finished dry = solo({"verify", "--dry-run"});
  EXPECT_EQ(dry.code, 1) << dry.out << dry.err;
  EXPECT_NE(dry.out.find("one_instance"), std::string::npos) << dry.out;
  EXPECT_NE(dry.out.find("acme/web"), std::string::npos) << dry.out;
  const Finished fixed = solo({"verify", "--fix"});
  EXPECT_EQ(fixed.code, 0) << fixed.out << fixed.err;
  EXPECT_TRUE(stray.wait(10s));
}

TEST_F(ProcessFaults, AServiceIsMendedAFewTimesAndThenLeftAlone) {
  start();
  const auto generation = deploy_sleeper("web");
  for (int i = 0; i < 3; ++i) {
    Child& stray = spawn_stray({.service = "web", .generation = generation});
    EXPECT_EQ(fix().repaired, 1U);
    EXPECT_TRUE(stray.wait(10s));
  }
  Child& stray = spawn_stray({.service = "web", .generation = generation});
  const auto report = fix();
  EXPECT_EQ(report.repaired, 0U);
  EXPECT_NE(first(report, "one_instance").repair.find("repaired in 3 verifications"), std::string::npos)
      << words(report);
  EXPECT_FALSE(stray.wait(200ms));
  Child& other = spawn_stray({.tenant = "nobody", .service = "web"});
  EXPECT_EQ(fix().repaired, 1U);
  EXPECT_TRUE(other.wait(10s));
}

TEST_F(ProcessFaults, AServiceKilledBehindTheDaemonsBackWithItsRestartsExhaustedHasFailedForARecordedReason) {
  start();
  auto spec = exec_spec({"/bin/sleep", "1000"});
  spec.restart_limits.ensure().max_restarts = 1;
  deploy("web", spec);
  for (int i = 0; i < 2; ++i) {
    const auto before = status("web");
    ASSERT_NE(before.pid, 0);
    ::kill(before.pid, SIGKILL);
    ASSERT_TRUE(eventually([&] {
      const auto now = status("web");
      return now.state == v1::ServiceState::failed || (now.pid != 0 && now.pid != before.pid);
    }));
  }
  ASSERT_EQ(status("web").state, v1::ServiceState::failed);
  EXPECT_EQ(status("web").reason, "restarted 1 times within 60 s");
  const auto report = fix();
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_EQ(status("web").state, v1::ServiceState::failed);
}

TEST_F(ProcessFaults, ServicesThatDieWhileTheDaemonIsPausedAreBackWithoutAnAlarm) {
  start();
  deploy_sleeper("web");
  const auto pid = status("web").pid;
  daemon_.child().freeze();
  ::kill(pid, SIGKILL);
  const Finished unreachable = solo({"verify", "--timeout", "1s"});
  EXPECT_EQ(unreachable.code, 3) << unreachable.out << unreachable.err;
  daemon_.child().thaw();
  const auto report = verify();
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_TRUE(eventually([&] { return status("web").pid != 0 && status("web").pid != pid; }));
  EXPECT_EQ(named(verify()), Names{});
}

TEST_F(ProcessFaults, ATenantSeesItsOwnPartAlone) {
  start();
  const auto generation = deploy_sleeper("web");
  spawn_stray({.service = "web", .generation = generation});
  spawn_stray({.tenant = "other", .service = "web"});
  const auto report = verify({.tenant = "acme"});
  EXPECT_EQ(named(report), Names{"one_instance acme/web"}) << words(report);
  EXPECT_EQ(report.total_deployed, 1U);
  EXPECT_EQ(named(verify({.tenant = "other"})), Names{"process_is_known other/web"});
  EXPECT_EQ(named(verify({.tenant = "third"})), Names{});
}

TEST_F(ProcessFaults, ACompilerAtWorkRaisesNoAlarm) {
  const TempDir directory;
  const auto compiler = directory.path() / "slow-compiler";
  const auto go = directory.path() / "go";
  std::ofstream(compiler) << "#!/bin/sh\nwhile [ ! -e " << go.string() << " ]; do sleep 0.1; done\nexec c++ \"$@\"\n";
  std::filesystem::permissions(compiler, std::filesystem::perms::owner_all);
  auto arguments = on_demand();
  arguments.insert(arguments.end(), {"--runtime-compiler", compiler.string()});
  daemon_.set_arguments(arguments);
  start();
  v1::SpecT spec;
  spec.format = v1::Format::cxx;
  spec.code = "#include <unistd.h>\nint main() { pause(); }\n";
  const auto applied = daemon_.client()->call(deploy_request({}, "acme", "web", spec, v1::Wait::applied));
  ASSERT_TRUE(applied && applied->ok);
  const auto compiles = [&] {
    const auto found = status("web");
    return found.state == v1::ServiceState::starting;
  };
  int verified = 0;
  while (compiles()) {
    const auto report = fix();
    ASSERT_EQ(named(report), Names{}) << words(report);
    if (++verified == 5) std::ofstream(go) << "\n";
  }
  EXPECT_GE(verified, 5);
  EXPECT_EQ(status("web").state, v1::ServiceState::running) << status("web").detail;
  EXPECT_EQ(named(verify()), Names{});
}

TEST_F(ProcessFaults, AServiceAndItsChildrenRaiseNoAlarm) {
  start();
  deploy("tree", script_spec("#!/bin/sh\nsleep 1000 &\nsetsid sleep 1000 &\nexec sleep 1000\n"));
  ASSERT_TRUE(eventually([&] { return count_sleepers() == 3; }));
  const auto report = fix();
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_EQ(daemon_.processes().size(), 3U);
}

}  // namespace
}  // namespace solo::testing
