// When a verification's report is told: the verifier over a log in memory, with a clock that is set by hand, a runtime
// that answers as told, and a machine without processes but those that are put there.
#include "consumers/verifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "consumers/memory_reader.h"
#include "producers/memory_log.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/support/temp_dir.h"

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;
using producers::VerifyOrder;
using schemas::ErrorCode;

class SetClock final : public producers::Clock {
 public:
  std::int64_t wall_us() const override { return wall_; }
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::now() + std::chrono::microseconds(passed_);
  }
  void advance(std::chrono::microseconds by) { wall_ += by.count(); }
  /// For who measures time.
  void pass(std::chrono::microseconds time) { passed_ += time.count(); }

 private:
  std::atomic<std::int64_t> passed_ = 0;
  std::atomic<std::int64_t> wall_ = 1'700'000'000'000'000;
};

/// Holds nothing, has acted on everything; repairs wait until they are let go, and a service that is being repaired
/// refuses another.
class FakeRuntime final : public producers::RuntimePort {
 public:
  void inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point, Inventoried done) override {
    v1::InventoryReportT report;
    report.node = "node-1";
    report.run = "run-1";
    report.reconciled = schemas::to_string(cut);
    done(std::move(report));
  }
  void repair(const schemas::ServiceKey& service, const v1::RepairT&, Repaired done) override {
    {
      const std::lock_guard lock(mutex_);
      if (!refuses && waiting_.try_emplace(service, done).second && !at_once) return;
      if (at_once && waiting_.erase(service) == 1) return done({});
    }
    done(schemas::fail(ErrorCode::failed_precondition, "at work"));
  }
  void finish_repairs() {
    std::map<schemas::ServiceKey, Repaired> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(waiting_);
    }
    for (const auto& [service, done] : all) done({});
  }
  std::atomic<bool> refuses = false;
  std::atomic<bool> at_once = false;

 private:
  std::mutex mutex_;
  std::map<schemas::ServiceKey, Repaired> waiting_;
};

class FakeMachine final : public ProcessHost {
 public:
  void spawn(SpawnRequest, std::chrono::milliseconds, Spawned done) override {
    done(schemas::fail(ErrorCode::unimplemented, "nothing is spawned here"));
  }
  void watch(Process&, Exited) override {}
  schemas::Result<std::unique_ptr<Process>> adopt(const Identity&, std::optional<Marker>) override {
    return schemas::fail(ErrorCode::not_found, "it has ended");
  }
  schemas::Result<FoundProcess> look_up(const Identity&) override {
    return schemas::fail(ErrorCode::not_found, "it has ended");
  }
  schemas::Result<std::vector<FoundProcess>> scan(const std::string& log, const std::string&) override {
    std::vector<FoundProcess> found;
    for (int i = 0; i < strays; ++i) {
      found.push_back({Identity{4'000'000 + hops + i, 17, "boot"},
                       Marker{log, "node-1", "acme", "never", 1, "stray-" + std::to_string(i + 1)}, true});
    }
    if (hopping) ++hops;
    return found;
  }
  schemas::Result<std::vector<HeldProcess>> scan_and_hold(const std::string&, const std::string&) override {
    return schemas::fail(ErrorCode::unimplemented, "nothing is held here");
  }
  std::atomic<int> strays = 0;
  /// Another pid whenever it is looked at.
  std::atomic<bool> hopping = false;
  std::atomic<int> hops = 0;
};

class VerifierReports : public ::testing::Test {
 protected:
  VerifierReports() {
    v1::RuntimeClaimedT claimed;
    claimed.node = "node-1";
    claimed.run = "run-1";
    v1::EventT event;
    event.id = "run-1-1";
    event.source = "/nodes/node-1";
    event.tenant = "system";
    event.payload.Set(std::move(claimed));
    log_.put(0, "system", schemas::encode(event));
    auto views = projections::Views::open(
        {.directory = directory_.path() / "views", .log_uuid = log_.genesis().log_uuid, .partitions = 1}, nullptr);
    EXPECT_TRUE(views);
    views_ = std::move(*views);
    projector_ = std::make_unique<Projector>(
        *views_, open_reader(), [](std::int32_t, const schemas::Error& error) { ADD_FAILURE() << error.message; });
    EXPECT_TRUE(projector_->start());
    EXPECT_TRUE(projector_->wait_for({{{0, 1}}}, std::chrono::steady_clock::now() + 10s));
    make_verifier(0ms);
    verifier_->start();
  }

  Projector::OpenReader open_reader() {
    return [this](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<EventReader>> {
      return std::make_unique<MemoryReader>(log_, partition, from);
    };
  }
  void make_verifier(std::chrono::milliseconds interval, bool fix = true) {
    verifier_ = std::make_unique<Verifier>(
        VerifierOptions{.interval = interval, .fix = fix, .scratch = directory_.path() / "replay"},
        VerifierParts{log_, *views_, *projector_, open_reader(), runtime_, machine_, clock_, "node-1", "run-1",
                      [this](const v1::VerificationReportT& report) {
                        const std::lock_guard lock(mutex_);
                        told_.push_back(report);
                      }});
  }

  std::future<schemas::Result<v1::VerificationReportT>> ask(const VerifyOrder& order) {
    auto promise = std::make_shared<std::promise<schemas::Result<v1::VerificationReportT>>>();
    verifier_->verify(order, [promise](auto report) { promise->set_value(std::move(report)); });
    return promise->get_future();
  }
  void verify(const VerifyOrder& order = {.tenant = "*"}) {
    const auto report = ask(order).get();
    ASSERT_TRUE(report) << report.error().message;
  }
  std::vector<v1::VerificationReportT> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  void wait_until_told(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (told().size() < count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_GE(told().size(), count);
  }

  testing::TempDir directory_;
  SetClock clock_;
  FakeRuntime runtime_;
  FakeMachine machine_;
  producers::MemoryLog log_{1};
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<Projector> projector_;
  std::mutex mutex_;
  std::vector<v1::VerificationReportT> told_;
  std::unique_ptr<Verifier> verifier_;
};

TEST_F(VerifierReports, WhatSaysNothingNewIsToldOnceAnHour) {
  verify();
  ASSERT_EQ(told().size(), 1U);
  clock_.advance(1h - 1us);
  verify();
  verify();
  EXPECT_EQ(told().size(), 1U);
  clock_.advance(1us);
  verify();
  verify();
  ASSERT_EQ(told().size(), 2U);
  EXPECT_EQ(told()[1].time - told()[0].time, std::chrono::microseconds(1h).count());
  clock_.advance(1h);
  verify();
  EXPECT_EQ(told().size(), 3U);
}

TEST_F(VerifierReports, AClockThatIsPutBackADayCostsOneReportAndStartsTheHourAnew) {
  verify();
  clock_.advance(-24h);
  for (int i = 0; i < 5; ++i) verify();
  EXPECT_EQ(told().size(), 2U);
  clock_.advance(1h);
  verify();
  EXPECT_EQ(told().size(), 3U);
}

TEST_F(VerifierReports, WhatIsNewIsToldAtOnce) {
  verify();
  machine_.strays = 1;
  verify();
  verify();
  ASSERT_EQ(told().size(), 2U);
  EXPECT_EQ(told()[1].inconsistencies.at(0)->code, "process_is_known");
  machine_.strays = 0;
  verify();
  ASSERT_EQ(told().size(), 3U);
  EXPECT_EQ(told()[2].inconsistencies_found, 0U);
}

TEST_F(VerifierReports, ADryRunAndATenantsOwnPartAreToldToNobodyElse) {
  machine_.strays = 1;
  verify({.tenant = "acme"});
  verify({.tenant = "*", .dry_run = true});
  EXPECT_TRUE(told().empty());
}

TEST_F(VerifierReports, WhatTakesLongToMendIsToldBeforeItIsMended) {
  machine_.strays = 1;
  auto answer = ask({.tenant = "*", .fix = true});
  wait_until_told(1);
  EXPECT_EQ(told()[0].inconsistencies_found, 1U);
  EXPECT_EQ(told()[0].repaired, 0U);
  EXPECT_EQ(told()[0].status, v1::VerificationStatus::warning);
  EXPECT_EQ(told()[0].inconsistencies.at(0)->repair, "under way");
  EXPECT_EQ(verifier_->health().inconsistencies_found, 1U);
  EXPECT_EQ(answer.wait_for(0ms), std::future_status::timeout);
  runtime_.finish_repairs();
  const auto report = answer.get();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->repaired, 1U);
  EXPECT_EQ(report->inconsistencies.at(0)->repair, "mended: stop");
  ASSERT_EQ(told().size(), 2U);
  EXPECT_EQ(told()[1].repaired, 1U);
  EXPECT_EQ(verifier_->health().inconsistencies_found, 0U);
}

TEST_F(VerifierReports, ADifferenceWithEverAnotherProcessIsToldOnce) {
  machine_.strays = 1;
  machine_.hopping = true;
  for (int i = 0; i < 3; ++i) verify();
  ASSERT_EQ(told().size(), 1U);
  EXPECT_EQ(told()[0].inconsistencies_found, 1U);
}

TEST_F(VerifierReports, AllStraysOfAServiceAreMendedByOneVerificationOneAfterTheOther) {
  machine_.strays = 5;
  runtime_.at_once = true;
  const auto report = ask({.tenant = "*", .fix = true}).get();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->repaired, 5U);
}

TEST_F(VerifierReports, WhatIsRefusedIsNotChargedAndABudgetThatIsSpentIsNews) {
  machine_.strays = 2;
  runtime_.refuses = true;
  for (int i = 0; i < 4; ++i) verify({.tenant = "*", .fix = true});
  ASSERT_EQ(told().size(), 1U);
  EXPECT_EQ(told()[0].inconsistencies.at(0)->repair, "not mended: at work");
  runtime_.refuses = false;
  runtime_.at_once = true;
  for (int i = 0; i < 3; ++i) verify({.tenant = "*", .fix = true});
  ASSERT_EQ(told().size(), 2U);
  EXPECT_EQ(told()[1].repaired, 2U);
  for (int i = 0; i < 2; ++i) verify({.tenant = "*", .fix = true});
  ASSERT_EQ(told().size(), 3U);
  EXPECT_EQ(told()[2].inconsistencies.at(0)->repair,
            "left alone for now: repaired in 3 verifications within 600 s (6 repairs tried, 6 done); end the process");
}

// However many ask all the while.
TEST_F(VerifierReports, WhatIsDueComesBeforeWhatIsAskedFor) {
  make_verifier(1ms, false);
  std::atomic<bool> go_on = true;
  std::vector<std::thread> askers;
  verifier_->start();
  for (const char* tenant : {"acme", "globex", "*"}) {
    askers.emplace_back([&, tenant] {
      while (go_on) ask({.tenant = tenant, .dry_run = true}).wait();
    });
  }
  // Dry runs are told to nobody: what is told is the verifier's own.
  for (int i = 0; i < 5; ++i) {
    const auto before = told().size();
    clock_.advance(1h);
    wait_until_told(before + 1);
  }
  go_on = false;
  for (std::thread& asker : askers) asker.join();
}

TEST_F(VerifierReports, ThatNothingHasBeenComparedForLongIsSaid) {
  make_verifier(10'000ms);
  EXPECT_EQ(verifier_->overdue(), "");
  verifier_->start();
  verify();
  clock_.pass(39s);
  EXPECT_EQ(verifier_->overdue(), "");
  clock_.pass(2s);
  EXPECT_NE(verifier_->overdue().find("nothing has been compared for 4"), std::string::npos) << verifier_->overdue();
  verify();
  EXPECT_EQ(verifier_->overdue(), "");
}

TEST_F(VerifierReports, AReplayOfOneTenantsPartIsRefused) {
  const auto report = ask({.tenant = "acme", .rebuild = true}).get();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(report.error().hint, "");
}

TEST_F(VerifierReports, WhoseTimeIsUpIsAnsweredSo) {
  const auto report = ask({.tenant = "acme", .deadline = std::chrono::steady_clock::now() - 1s}).get();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::deadline_exceeded);
}

TEST_F(VerifierReports, WhoeverWaitsForARepairIsAnsweredWhenTheVerifierStops) {
  machine_.strays = 1;
  auto answer = ask({.tenant = "*", .fix = true});
  wait_until_told(1);
  verifier_->stop();
  const auto report = answer.get();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->repaired, 0U);
  EXPECT_EQ(report->inconsistencies.at(0)->repair, "under way");
  runtime_.finish_repairs();
}

}  // namespace
}  // namespace solo::consumers
