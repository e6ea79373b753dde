#include "consumers/observations.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "consumers/outbox.h"
#include "producers/memory_log.h"
#include "schemas/codec.h"
#include "schemas/partitioning.h"
#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;
using producers::AppendFault;
using schemas::ErrorCode;

class ObservationsTest : public ::testing::Test {
 protected:
  ObservationsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "solo-test-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ObservationsTest() override { std::filesystem::remove_all(directory_); }

  PublisherOptions options(const std::string& run = "run-a") const {
    PublisherOptions result{schemas::NodeName::trusted("node-1"), run, directory_ / "outbox"};
    result.first_pause = 1ms;
    result.longest_pause = 4ms;
    return result;
  }

  static v1::EventT stopped(const std::string& service, const std::string& tenant = "acme") {
    v1::EventT event;
    event.tenant = tenant;
    event.service = service;
    event.payload.Set(v1::ServiceStoppedT{});
    return event;
  }

  static std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + 10s; }
  static std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

  // Each record behind the genesis as ID SERVICE.
  static std::vector<std::string> written(const producers::MemoryLog& log, std::int32_t partition = 0) {
    std::vector<std::string> result;
    for (const auto& record : log.records(partition)) {
      const auto event = schemas::decode_event(record.value);
      if (event && event->payload.type != v1::Payload::SystemInitialized) {
        result.push_back(event->id + " " + event->service);
      }
    }
    return result;
  }

  std::filesystem::path directory_;
  producers::SystemClock clock_;
  producers::MemoryLog log_;
};

using Lines = std::vector<std::string>;

TEST_F(ObservationsTest, NumbersEventsInTheOrderTheyWerePublished) {
  ObservationPublisher publisher(log_, clock_, options());
  publisher.publish(stopped("a"));
  publisher.publish(stopped("b"));
  ASSERT_TRUE(publisher.drain(soon()));
  EXPECT_EQ(written(log_), (Lines{"run-a-1 a", "run-a-2 b"}));
  const auto event = schemas::decode_event(log_.records().back().value);
  EXPECT_EQ(event->source, "/nodes/node-1");
  EXPECT_GT(event->time, 0);
}

TEST_F(ObservationsTest, TellsWhereAnEventBecameDurable) {
  ObservationPublisher publisher(log_, clock_, options());
  schemas::Position position{-1, -1};
  publisher.publish_to(0, stopped("a"), [&](schemas::Position at) { position = at; });
  ASSERT_TRUE(publisher.drain(soon()));
  ASSERT_TRUE(log_.observations().drain(soon()));
  EXPECT_EQ(position, (schemas::Position{0, 1}));
}

class ObservationsFaultTest : public ObservationsTest, public ::testing::WithParamInterface<AppendFault> {};

TEST_P(ObservationsFaultTest, WhatWasNotDurableIsRepeatedInOrderUnderTheSameIds) {
  ObservationPublisher publisher(log_, clock_, options());
  log_.hold();
  for (const char* service : {"a", "b", "c", "d"}) publisher.publish(stopped(service));
  log_.fail_next(GetParam(), 2);
  log_.release();
  ASSERT_TRUE(publisher.drain(soon()));
  // An append that was unknown and is in the log after all is in it twice; apply takes its sequence once.
  Lines once;
  std::set<std::string> seen;
  for (const std::string& line : written(log_)) {
    if (seen.insert(line).second) once.push_back(line);
  }
  EXPECT_EQ(once, (Lines{"run-a-1 a", "run-a-2 b", "run-a-3 c", "run-a-4 d"}));
  EXPECT_EQ(publisher.trouble(), "");
}

INSTANTIATE_TEST_SUITE_P(EveryFault, ObservationsFaultTest,
                         ::testing::Values(AppendFault::refuse, AppendFault::unknown_written,
                                           AppendFault::unknown_not_written));

TEST_F(ObservationsTest, ALogThatTakesNothingIsSaidAndWaitedFor) {
  ObservationPublisher publisher(log_, clock_, options());
  log_.set_writable(false);
  publisher.publish(stopped("a"));
  EXPECT_FALSE(publisher.drain(now() + 20ms));
  for (const auto end = soon(); publisher.trouble().empty() && now() < end;) std::this_thread::yield();
  EXPECT_NE(publisher.trouble(), "");
  EXPECT_EQ(publisher.pending(), 1);
  log_.set_writable(true);
  EXPECT_TRUE(publisher.drain(soon()));
  EXPECT_EQ(written(log_), Lines{"run-a-1 a"});
}

TEST_F(ObservationsTest, SaysWhenTooMuchWaits) {
  auto few = options();
  few.high_water = 2;
  ObservationPublisher publisher(log_, clock_, few);
  log_.hold();
  for (int i = 0; i < 2; ++i) publisher.publish(stopped("a"));
  EXPECT_FALSE(publisher.saturated());
  publisher.publish(stopped("a"));
  EXPECT_TRUE(publisher.saturated());
  log_.release();
  ASSERT_TRUE(publisher.drain(soon()));
  EXPECT_FALSE(publisher.saturated());
}

TEST_F(ObservationsTest, TheOrderHoldsWithMoreThanMayBeOutstanding) {
  auto narrow = options();
  narrow.in_flight = 3;
  ObservationPublisher publisher(log_, clock_, narrow);
  log_.fail_next(AppendFault::refuse, 1);
  Lines expected;
  for (int i = 1; i <= 50; ++i) {
    publisher.publish(stopped("s" + std::to_string(i)));
    expected.push_back("run-a-" + std::to_string(i) + " s" + std::to_string(i));
  }
  ASSERT_TRUE(publisher.drain(soon()));
  EXPECT_EQ(written(log_), expected);
}

TEST_F(ObservationsTest, TroubleInOnePartitionHoldsUpNoOther) {
  producers::MemoryLog log(4);
  ObservationPublisher publisher(log, clock_, options());
  log.fail_next(AppendFault::refuse, 1);
  for (int i = 0; i < 40; ++i) publisher.publish(stopped("s", "tenant-" + std::to_string(i)));
  ASSERT_TRUE(publisher.drain(soon()));
  std::size_t total = 0;
  for (std::int32_t partition = 0; partition < 4; ++partition) total += written(log, partition).size();
  EXPECT_EQ(total, 40);
}

TEST_F(ObservationsTest, WhatIsNotDurableAtTheEndIsNamedAndSentFirstByTheNextRun) {
  log_.set_writable(false);
  {
    ObservationPublisher publisher(log_, clock_, options());
    v1::EventT claim;
    claim.tenant = "system";
    claim.payload.Set(v1::RuntimeClaimedT{});
    publisher.publish_to(0, claim);
    publisher.publish(stopped("a"));
    publisher.publish(stopped("b"));
    const auto left = publisher.close(now() + 10ms);
    ASSERT_TRUE(left);
    EXPECT_EQ(*left,
              (Lines{"solo.v1.ServiceStopped of acme/a (run-a-2)", "solo.v1.ServiceStopped of acme/b (run-a-3)"}));
  }
  log_.set_writable(true);
  ObservationPublisher next(log_, clock_, options("run-b"));
  EXPECT_EQ(next.send_outbox(), 2U);
  next.publish(stopped("c"));
  ASSERT_TRUE(next.drain(soon()));
  EXPECT_EQ(written(log_), (Lines{"run-a-2 a", "run-a-3 b", "run-b-1 c"}));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "outbox"));
}

TEST_F(ObservationsTest, AnOutboxThatIsStillNotDurableIsKept) {
  log_.set_writable(false);
  for (const char* run : {"run-a", "run-b"}) {
    ObservationPublisher publisher(log_, clock_, options(run));
    ASSERT_TRUE(publisher.send_outbox());
    publisher.publish(stopped(run));
    ASSERT_TRUE(publisher.close(now() + 5ms));
  }
  log_.set_writable(true);
  ObservationPublisher next(log_, clock_, options("run-c"));
  EXPECT_EQ(next.send_outbox(), 2U);
  ASSERT_TRUE(next.drain(soon()));
  EXPECT_EQ(written(log_), (Lines{"run-a-1 run-a", "run-b-1 run-b"}));
}

TEST_F(ObservationsTest, ADamagedOutboxIsSetAsideAndSaid) {
  ASSERT_TRUE(write_outbox(directory_ / "outbox", log_.genesis().log_uuid, {{0, "acme", "value"}}));
  {
    std::fstream file(directory_ / "outbox", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('X');
  }
  ObservationPublisher publisher(log_, clock_, options());
  const auto sent = publisher.send_outbox();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::data_loss);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "outbox"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "outbox.damaged-run-a"));
}

TEST_F(ObservationsTest, AnOutboxOfAnotherLogIsNotSent) {
  ASSERT_TRUE(write_outbox(directory_ / "outbox", "another-log", {{0, "acme", "value"}}));
  ObservationPublisher publisher(log_, clock_, options());
  EXPECT_EQ(publisher.send_outbox().error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(written(log_).empty());
}

}  // namespace
}  // namespace solo::consumers
