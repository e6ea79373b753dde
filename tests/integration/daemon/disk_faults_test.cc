// A disk that fails under a running daemon: no space for the views or for services' files, a sync that fails once.
#include "tests/integration/daemon/orders.h"
#include "tests/support/faulty_disk.h"

namespace solo::testing {
namespace {

using v1::ServiceState;

class DiskFault : public Orders {
 protected:
  /// Its faults are those of STATE/`part`.
  void start_on_faulty(const std::string& part) {
    disk_ = std::make_unique<FaultyDisk>(daemon_.state() / part);
    if (disk_->environment().empty()) GTEST_SKIP() << "nothing can be preloaded into this build";
    daemon_.set_environment(disk_->environment());
    start();
  }
  std::unique_ptr<FaultyDisk> disk_;
};

TEST_F(DiskFault, NoSpaceForTheViewsIsSaidInHealthStopsNothingAndPassesByItself) {
  ASSERT_NO_FATAL_FAILURE(start_on_faulty("views"));
  if (IsSkipped()) return;
  ASSERT_TRUE(deploy("before", sleeper()).ok);
  disk_->set_full(true);
  ASSERT_TRUE(deploy("meanwhile", sleeper()).ok) << "the log has room";
  // They are flushed after five seconds.
  ASSERT_TRUE(eventually([&] { return health().status == v1::HealthStatus::degraded; })) << daemon_.log();
  const auto said = health();
  EXPECT_NE(said.detail.find("views"), std::string::npos) << said.detail;
  EXPECT_NE(said.detail.find("No space left"), std::string::npos) << said.detail;
  EXPECT_EQ(status("meanwhile").state, ServiceState::running);
  disk_->set_full(false);
  EXPECT_TRUE(eventually([&] { return health().status == v1::HealthStatus::ok; })) << health().detail;
  ASSERT_TRUE(deploy("after", sleeper()).ok);
  client_.reset();
  daemon_.kill9();
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(recovery().adopted, 3U);
}

TEST_F(DiskFault, ADaemonThatDiesWithUnflushableViewsLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(start_on_faulty("views"));
  if (IsSkipped()) return;
  disk_->set_full(true);
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  ASSERT_TRUE(eventually([&] { return health().status == v1::HealthStatus::degraded; })) << daemon_.log();
  EXPECT_EQ(daemon_.stop(), 1) << "what is not on the disk is named";
  EXPECT_NE(daemon_.log().find("not done: views"), std::string::npos) << daemon_.log();
  disk_->set_full(false);
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("web").state, ServiceState::running);
  EXPECT_EQ(pids_of("web").size(), 1U);
}

TEST_F(DiskFault, NoSpaceForAServicesFilesAtRecoveryIsTriedAgainAndNobodyElsesDelay) {
  ASSERT_NO_FATAL_FAILURE(start_on_faulty("artifacts"));
  if (IsSkipped()) return;
  ASSERT_TRUE(deploy("script", script_spec("#!/bin/sh\nexec sleep 1000000\n")).ok);
  ASSERT_TRUE(deploy("plain", sleeper()).ok);
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  std::filesystem::remove_all(daemon_.state() / "artifacts");
  disk_->set_full(true);
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("plain").state, ServiceState::running);
  EXPECT_EQ(status("script").state, ServiceState::starting);
  EXPECT_NE(status("script").reason.find("No space left"), std::string::npos) << status("script").reason;
  disk_->set_full(false);
  EXPECT_TRUE(eventually_in("script", ServiceState::running)) << daemon_.log();
  const auto said = history("script");
  EXPECT_EQ(std::count(said.begin(), said.end(), "ServiceRecoveryFailed"), 1) << "once for each reason";
}

TEST_F(DiskFault, ASyncThatFailsOnceLeavesTheOutcomeUnknownAndTheSameIdTakesEffectOnce) {
  // A verifier's report would have a sync of its own.
  daemon_.set_arguments({"--verifier-interval-ms", "0"});
  ASSERT_NO_FATAL_FAILURE(start_on_faulty("log"));
  if (IsSkipped()) return;
  ASSERT_TRUE(deploy("before", sleeper()).ok);
  // Its observations are in the log, so that the next sync is that of the order.
  ASSERT_TRUE(eventually([&] { return health().queues->observations_pending == 0; }));
  disk_->fail_syncs(1);
  auto request = deploy_request("d-1", "acme", "web", sleeper());
  const auto first = client_->call(request);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(disk_->syncs_to_fail(), 0);
  ASSERT_FALSE(first->ok);
  EXPECT_EQ(first->error->code, v1::ErrorCode::deadline_exceeded) << first->error->message;
  EXPECT_EQ(first->position, "");
  const auto again = call(request);
  ASSERT_TRUE(again.ok) << again.error->message << "\n" << daemon_.log();
  EXPECT_EQ(health().status, v1::HealthStatus::ok) << health().detail;
  EXPECT_EQ(again.body.AsServiceStatus()->generation, 2U) << "it took effect once";
  EXPECT_EQ(pids_of("web").size(), 1U);
  const auto said = history("web");
  EXPECT_EQ(std::count(said.begin(), said.end(), "ServiceStarted"), 1);
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

TEST_F(DiskFault, AStopThatTheDiskHoldsUpEndsAtItsDeadlineAndNamesWhatIsNotInTheLog) {
  daemon_.set_arguments({"--shutdown-deadline-ms", "1500"});
  ASSERT_NO_FATAL_FAILURE(start_on_faulty("log"));
  if (IsSkipped()) return;
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  ASSERT_TRUE(eventually([&] { return health().queues->observations_pending == 0; }));
  disk_->hold_syncs(true);
  EXPECT_EQ(daemon_.stop(std::chrono::seconds(15)), 1) << daemon_.log();
  EXPECT_NE(daemon_.log().find("ending at once: stopping took longer"), std::string::npos) << daemon_.log();
  EXPECT_NE(daemon_.log().find("observations that are not in the log"), std::string::npos) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().empty(); }));
  disk_->hold_syncs(false);
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("web").state, ServiceState::running);
  EXPECT_EQ(pids_of("web").size(), 1U);
}

}  // namespace
}  // namespace solo::testing
