// Services that end without the daemon's hearing of it: the runtime holds what is not there any more. Started again, by
// what the service's policy says.
#include <signal.h>

#include <fstream>

#include "tests/integration/verifier/verifier_fixture.h"

namespace solo::testing {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

class LostExits : public VerifierTest {
 protected:
  void SetUp() override {
#ifdef SOLO_EXITS_SHIM
    daemon_.set_environment({"LD_PRELOAD=" SOLO_EXITS_SHIM, "SOLO_TEST_LOSE_EXITS=" + switch_.string()});
#else
    GTEST_SKIP() << "nothing can be preloaded in front of a sanitizer's runtime";
#endif
  }
  void lose_exits() { std::ofstream(switch_) << "\n"; }
  void lose_no_more() { std::filesystem::remove(switch_); }
  /// Killed, and the daemon takes no notice; its pid.
  pid_t kill_unseen(const std::string& service) {
    const auto pid = status(service).pid;
    EXPECT_EQ(::kill(pid, SIGKILL), 0);
    EXPECT_TRUE(eventually([&] { return !is_there(pid); }));
    EXPECT_EQ(status(service).pid, pid) << "the daemon has noticed";
    return pid;
  }
  static bool is_there(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const auto state = stat.rfind(')');
    return state != std::string::npos && stat.size() > state + 2 && stat[state + 2] != 'Z';
  }

  const TempDir files_;
  const std::filesystem::path switch_ = files_.path() / "lose-exits";
};

TEST_F(LostExits, AServiceWhoseEndWasLostIsNamedAndStartedAgain) {
  start();
  lose_exits();
  const auto generation = deploy_sleeper("web");
  const auto instance = status("web").instance;
  const pid_t pid = kill_unseen("web");
  lose_no_more();

  const auto report = verify();
  EXPECT_EQ(named(report), Names{"runtime_agrees_with_machine acme/web"}) << words(report);
  const auto one = first(report, "runtime_agrees_with_machine");
  EXPECT_EQ(one.action, v1::RepairAction::start);
  EXPECT_EQ(one.generation, generation);
  EXPECT_EQ(one.instance, instance);
  EXPECT_EQ(one.process->pid, pid);
  EXPECT_EQ(one.evidence, "no process has this pid and start time");
  EXPECT_EQ(status("web").pid, pid) << "mended although nobody asked for it";

  const auto fixed = fix();
  EXPECT_EQ(fixed.repaired, 1U) << words(fixed);
  EXPECT_EQ(fixed.status, v1::VerificationStatus::ok);
  ASSERT_TRUE(eventually([&] {
    const auto now = status("web");
    return now.state == v1::ServiceState::running && now.pid != 0 && now.pid != pid;
  }));
  EXPECT_EQ(status("web").restarts, 1U);
  EXPECT_EQ(named(verify({.rebuild = true})), Names{});
  // It was published; that it is durable is another matter.
  ASSERT_TRUE(eventually([&] { return !events(v1::Payload::DriftFixed).empty(); }));
  const auto drifts = events(v1::Payload::DriftFixed);
  ASSERT_EQ(drifts.size(), 1U);
  EXPECT_EQ(drifts[0].payload.AsDriftFixed()->action, v1::RepairAction::start);
  EXPECT_EQ(drifts[0].payload.AsDriftFixed()->process->pid, pid);
}

TEST_F(LostExits, ByItselfTheDaemonMendsItWithinItsInterval) {
  daemon_.set_arguments({"--verifier-interval-ms", "1000"});
  start();
  lose_exits();
  deploy_sleeper("web");
  lose_no_more();
  const auto pid = status("web").pid;
  const auto killed = std::chrono::steady_clock::now();
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return !events(v1::Payload::DriftFixed).empty(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - killed, 10s);
  ASSERT_TRUE(eventually([&] { return status("web").pid != 0 && status("web").pid != pid; }));
}

TEST_F(LostExits, OneThatShouldNotBeStartedAgainHasEnded) {
  start();
  lose_exits();
  auto spec = exec_spec({"/bin/sleep", "1000"});
  spec.restart = v1::RestartPolicy::temporary;
  deploy("job", spec);
  kill_unseen("job");
  lose_no_more();
  const auto report = fix();
  EXPECT_EQ(named(report), Names{"runtime_agrees_with_machine acme/job"}) << words(report);
  EXPECT_EQ(report.repaired, 1U) << words(report);
  EXPECT_TRUE(eventually([&] { return status("job").state == v1::ServiceState::finished; }));
  EXPECT_EQ(named(verify()), Names{});
  EXPECT_TRUE(daemon_.processes().empty());
}

TEST_F(LostExits, ManyAtOnceAreEachNamedAndMended) {
  start();
  lose_exits();
  Names names;
  for (int i = 0; i < 20; ++i) {
    deploy_sleeper("s" + std::to_string(i));
    names.push_back("runtime_agrees_with_machine acme/s" + std::to_string(i));
  }
  lose_no_more();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(daemon_.kill_services(), 20U);
  ASSERT_TRUE(eventually([&] { return daemon_.processes().empty(); }));
  const auto report = fix();
  EXPECT_EQ(named(report), names) << words(report);
  EXPECT_EQ(report.repaired, 20U) << words(report);
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 20; }));
  EXPECT_EQ(named(verify()), Names{});
}

}  // namespace
}  // namespace solo::testing
