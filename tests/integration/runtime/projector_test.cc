#include "consumers/projector.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "consumers/memory_reader.h"
#include "producers/memory_log.h"
#include "schemas/codec.h"
#include "schemas/partitioning.h"
#include "schemas/schemas.h"
#include "tests/integration/runtime/processes.h"

namespace solo::consumers::testing {
namespace {

using schemas::ErrorCode;
using schemas::Position;

class ProjectorTest : public ProcessTest {
 protected:
  ProjectorTest() {
    projections::ViewOptions options;
    options.directory = path("views");
    options.log_uuid = log_.genesis().log_uuid;
    options.partitions = log_.partitions();
    views_ = std::move(*projections::Views::open(options, nullptr));
  }

  Projector::OpenReader reader() {
    return [this](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<EventReader>> {
      return std::make_unique<MemoryReader>(log_, partition, from);
    };
  }

  Projector::OnError note_error() {
    return [this](std::int32_t partition, const schemas::Error& error) {
      const std::lock_guard lock(mutex_);
      errors_.emplace_back(partition, error.code);
    };
  }

  Position deploy(const std::string& tenant, const std::string& service) {
    v1::EventT event;
    event.id = service;
    event.source = "/commands/" + tenant;
    event.tenant = tenant;
    event.service = service;
    v1::ServiceDeployedT deployed;
    deployed.spec.ensure().format = v1::Format::exec;
    deployed.spec->argv = {"/bin/true"};
    event.payload.Set(deployed);
    return log_.put(schemas::partition_of(tenant, log_.partitions()), tenant, schemas::encode(event));
  }

  static std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
  }

  producers::MemoryLog log_{3};
  std::unique_ptr<projections::Views> views_;
  std::mutex mutex_;
  std::vector<std::pair<std::int32_t, ErrorCode>> errors_;
};

TEST_F(ProjectorTest, WhatIsInTheLogComesIntoTheViews) {
  const Position before = deploy("acme", "a");
  Projector projector(*views_, reader(), note_error());
  ASSERT_TRUE(projector.start());
  EXPECT_TRUE(projector.wait_for({{before}}, in(10s)));
  const Position after = deploy("acme", "b");
  EXPECT_TRUE(projector.wait_for({{after}}, in(10s)));
  const auto tenant = schemas::TenantName::trusted("acme");
  EXPECT_TRUE(views_->of(tenant).service({tenant, schemas::ServiceName::trusted("b")})->has_value());
}

TEST_F(ProjectorTest, ListenersHearOfAChangeOnceItCanBeRead) {
  Projector projector(*views_, reader(), note_error());
  std::vector<std::string> heard;
  const auto subscription = projector.listen([&](const projections::ViewChange& change) {
    const std::lock_guard lock(mutex_);
    for (const auto& key : change.services) {
      if (*views_->partition(change.partition).service(key)) heard.push_back(to_string(key));
    }
  });
  ASSERT_TRUE(projector.start());
  deploy("acme", "a");
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    return heard == std::vector<std::string>{"acme/a"};
  }));
}

TEST_F(ProjectorTest, AListenerThatEndedHearsNothingMore) {
  Projector projector(*views_, reader(), note_error());
  std::atomic<int> heard = 0;
  auto subscription = projector.listen([&](const projections::ViewChange&) { ++heard; });
  ASSERT_TRUE(projector.start());
  ASSERT_TRUE(projector.wait_for({{deploy("acme", "a")}}, in(10s)));
  ASSERT_TRUE(eventually([&] { return heard > 0; }));
  subscription.reset();
  const int before = heard;
  ASSERT_TRUE(projector.wait_for({{deploy("acme", "b")}}, in(10s)));
  projector.stop();
  EXPECT_EQ(heard, before);
}

TEST_F(ProjectorTest, AWaitForWhatDoesNotComeEndsAtItsDeadline) {
  Projector projector(*views_, reader(), note_error());
  ASSERT_TRUE(projector.start());
  EXPECT_EQ(projector.wait_for({{Position{0, 99}}}, in(20ms)).error().code, ErrorCode::deadline_exceeded);
}

TEST_F(ProjectorTest, ADamagedRecordStopsItsPartitionAndThatOneAlone) {
  const Position bad = deploy("acme", "a");
  log_.damage(bad);
  Projector projector(*views_, reader(), note_error());
  ASSERT_TRUE(projector.start());
  EXPECT_EQ(projector.wait_for({{bad}}, in(10s)).error().code, ErrorCode::unavailable);
  std::string other = "other";
  while (schemas::partition_of(other, 3) == bad.partition) other += "x";
  EXPECT_TRUE(projector.wait_for({{deploy(other, "b")}}, in(10s)));
  const auto status = projector.status();
  for (const PartitionStatus& one : status) EXPECT_EQ(one.stopped, one.partition == bad.partition) << one.partition;
  // Whoever waits hears of it before whoever is to act on it.
  const std::vector<std::pair<std::int32_t, ErrorCode>> expected{{bad.partition, ErrorCode::data_loss}};
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    return errors_ == expected;
  }));
}

/// As long as it is full, nothing is made anew.
class FullDisk final : public rocksdb::EnvWrapper {
 public:
  FullDisk() : rocksdb::EnvWrapper(rocksdb::Env::Default()) {}

  rocksdb::Status NewWritableFile(const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions& options) override {
    if (full) return rocksdb::Status::NoSpace("asked for by a test");
    return EnvWrapper::NewWritableFile(name, file, options);
  }

  std::atomic<bool> full = false;
};

TEST_F(ProjectorTest, WhatADiskWithoutSpaceTookFromAJoinedBatchIsReadAgain) {
  FullDisk disk;
  projections::ViewOptions options;
  options.directory = path("other-views");
  options.log_uuid = log_.genesis().log_uuid;
  options.partitions = log_.partitions();
  options.flush_after_records = 1;
  options.env = &disk;
  const auto views = std::move(*projections::Views::open(options, nullptr));
  // So many that the projector joins them, and a flush before them that fails.
  constexpr int kMany = 60'000;
  Position last;
  for (int number = 0; number < kMany; ++number) last = deploy("acme", "s" + std::to_string(number));
  ASSERT_TRUE(views->partition(last.partition).apply(*log_.read({last.partition, 0}, 10, 1 << 20)));
  ASSERT_TRUE(views->flush());
  disk.full = true;
  ASSERT_TRUE(views->partition(last.partition).apply(*log_.read({last.partition, 10}, 10, 1 << 20)));
  ASSERT_FALSE(views->flush());
  std::atomic<int> opened = 0;
  {
    const auto count = [&](std::int32_t partition, std::int64_t from) {
      if (partition == last.partition) ++opened;
      return reader()(partition, from);
    };
    Projector projector(*views, count, note_error());
    ASSERT_TRUE(projector.start());
    EXPECT_TRUE(eventually([&] {
      const auto status = projector.status();
      return status.at(static_cast<std::size_t>(last.partition)).detail.find("space") != std::string::npos;
    }));
    disk.full = false;
    EXPECT_TRUE(projector.wait_for({{last}}, in(30s)));
  }
  EXPECT_GT(opened, 1);
  Projector projector(*views_, reader(), note_error());
  ASSERT_TRUE(projector.start());
  ASSERT_TRUE(projector.wait_for({{last}}, in(30s)));
  EXPECT_EQ(views->digest(), views_->digest());
  EXPECT_EQ(views->partition(last.partition).meta().dead_letters, 0u);
}

TEST_F(ProjectorTest, StoppingEndsWaits) {
  Projector projector(*views_, reader(), note_error());
  ASSERT_TRUE(projector.start());
  std::thread stopper([&] { projector.stop(); });
  EXPECT_EQ(projector.wait_for({{Position{0, 99}}}, in(10s)).error().code, ErrorCode::unavailable);
  stopper.join();
}

}  // namespace
}  // namespace solo::consumers::testing
