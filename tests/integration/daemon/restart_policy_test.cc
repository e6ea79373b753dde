// How services' ends are told apart and what follows them, as a client sees it.
#include <signal.h>
#include <sys/stat.h>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

using v1::ServiceState;

class RestartPolicy : public Orders {
 protected:
  void SetUp() override { start(); }

  static v1::SpecT once(std::string script) {
    auto spec = script_spec(std::move(script));
    spec.restart = v1::RestartPolicy::temporary;
    return spec;
  }

  /// Crashes until the file `well` is in its directory.
  static v1::SpecT looping() {
    auto spec = script_spec("#!/bin/sh\n[ -e well ] && exec sleep 1000000\necho my last words\nexit 7\n");
    spec.restart_limits.ensure().max_restarts = 2;
    return spec;
  }
  void expect_given_up(const std::string& service) {
    ASSERT_TRUE(eventually_in(service, ServiceState::failed)) << daemon_.log();
    const auto failed = status(service);
    EXPECT_EQ(failed.exit_status, "exit 7");
    EXPECT_EQ(failed.restarts, 2U);
    EXPECT_EQ(failed.reason, "restarted 2 times within 60 s");
    EXPECT_NE(failed.detail.find("my last words"), std::string::npos) << failed.detail;
  }
  void expect_cleared(const std::string& service) {
    const auto well = status(service);
    EXPECT_EQ(well.state, ServiceState::running);
    EXPECT_EQ(well.restarts, 0U);
    EXPECT_EQ(well.reason, "");
    EXPECT_EQ(well.detail, "");
  }
};

TEST_F(RestartPolicy, AnExitStatusASignalAndAStartThatTakesTooLongAreToldApart) {
  ASSERT_TRUE(deploy("exits", once("#!/bin/sh\nexit 3\n"), v1::Wait::applied).ok);
  ASSERT_TRUE(deploy("is-killed", once("#!/bin/sh\nkill -11 $$\n"), v1::Wait::applied).ok);
  std::filesystem::create_directories(home_of("hangs"));
  ASSERT_EQ(mkfifo((home_of("hangs") / "output.log").c_str(), 0600), 0);
  auto spec = sleeper();
  spec.restart_limits.ensure().startup_timeout_ms = 300;
  const auto hangs = deploy("hangs", spec);
  ASSERT_FALSE(hangs.ok);
  EXPECT_EQ(hangs.error->code, v1::ErrorCode::failed_precondition);
  for (const char* service : {"exits", "is-killed", "hangs"}) ASSERT_TRUE(eventually_in(service, ServiceState::failed));
  EXPECT_EQ(status("exits").exit_status, "exit 3");
  EXPECT_EQ(status("is-killed").exit_status, "signal 11");
  EXPECT_EQ(status("hangs").exit_status, "");
  EXPECT_NE(status("hangs").reason.find("not running after 300 ms"), std::string::npos) << status("hangs").reason;
  EXPECT_EQ(history("hangs").back(), "ServiceDeploymentFailed");
  for (const auto& event : events()) {
    const auto* crashed = event.payload.AsServiceCrashed();
    if (crashed == nullptr) continue;
    const bool exits = event.service == "exits";
    EXPECT_EQ(crashed->end->kind, exits ? v1::EndKind::exited : v1::EndKind::signaled);
    EXPECT_EQ(crashed->end->status, exits ? 3 : 0);
    EXPECT_EQ(crashed->end->signal, exits ? 0 : SIGSEGV);
  }
}

TEST_F(RestartPolicy, ACrashLoopEndsInFailedWithTheLastWordsAndARestartClearsIt) {
  ASSERT_TRUE(deploy("web", looping(), v1::Wait::applied).ok);
  ASSERT_NO_FATAL_FAILURE(expect_given_up("web"));
  // Given up it stays, over the daemon's death too.
  client_.reset();
  daemon_.kill9();
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(expect_given_up("web"));
  EXPECT_TRUE(pids_of("web").empty());
  std::ofstream(home_of("web") / "well") << "";
  ASSERT_TRUE(restart("web").ok) << daemon_.log();
  expect_cleared("web");
}

TEST_F(RestartPolicy, ACrashLoopIsClearedByALaterDeployAndItsRestartsAreCountedAnew) {
  ASSERT_TRUE(deploy("web", looping(), v1::Wait::applied).ok);
  ASSERT_NO_FATAL_FAILURE(expect_given_up("web"));
  ASSERT_TRUE(deploy("web", looping(), v1::Wait::applied).ok) << "the name is free";
  ASSERT_NO_FATAL_FAILURE(expect_given_up("web"));
  const auto all = history("web");
  EXPECT_EQ(std::count(all.begin(), all.end(), "ServiceCrashed"), 6) << "three starts each";
  std::ofstream(home_of("web") / "well") << "";
  ASSERT_TRUE(deploy("web", looping()).ok);
  expect_cleared("web");
}

}  // namespace
}  // namespace solo::testing
