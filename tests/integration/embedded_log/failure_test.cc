#include <future>
#include <thread>

#include "consumers/embedded_reader.h"
#include "producers/record_store.h"
#include "tests/integration/embedded_log/faulty_env.h"
#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"
#include "tests/support/child.h"

namespace solo::testing {
namespace {

using schemas::ErrorCode;

constexpr std::uint64_t kMiB = 1024 * 1024;

class FailingLog : public LogDirectory {
 protected:
  void open_faulty() {
    auto with = options();
    with.env = env_.get();
    with.write_buffer_bytes = write_buffer_bytes_;
    with.on_fatal = [this](const schemas::Error& error) { fatal_.set_value(error); };
    with.free_space = [this](const std::filesystem::path&) { return schemas::Result<std::uint64_t>(free_); };
    auto opened = open(with);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }

  FaultyEnv env_;
  std::size_t write_buffer_bytes_ = 1024 * 1024;
  std::atomic<std::uint64_t> free_ = 1024 * kMiB;
  std::promise<schemas::Error> fatal_;
  std::unique_ptr<producers::EmbeddedLog> log_;
};

TEST_F(FailingLog, AFailedSyncMakesItsAppendUnknownAndTheLogGoesOn) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "before")));
  env_->fail_next_wal_sync();
  const auto result = append(log_->commands(), "unknown");
  EXPECT_TRUE(is_unknown(result));
  EXPECT_TRUE(error_of(result).retryable);
  ASSERT_TRUE(is_durable(append(log_->commands(), "after")));
  EXPECT_TRUE(log_->condition().writable);

  // It had been written, and reopening has made it durable: in the log once, in its place.
  const std::vector<std::string> expected{"before", "unknown", "after"};
  EXPECT_EQ(read_values(*log_).value(), expected);
  log_.reset();
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(read_values(**again).value(), expected);
}

TEST_F(FailingLog, AFailedWriteMakesItsAppendUnknownAndLeavesNoTraceOfTheHalf) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "before")));
  for (const auto& status : {rocksdb::IOStatus::IOError("Input/output error"), rocksdb::IOStatus::NoSpace()}) {
    env_->fail_next_wal_append(status);
    EXPECT_TRUE(is_unknown(append(log_->commands(), std::string(1000, 'u'))));
  }
  ASSERT_TRUE(is_durable(append(log_->commands(), "after")));
  EXPECT_EQ(read_values(*log_).value(), (std::vector<std::string>{"before", "after"}));
}

TEST_F(FailingLog, AReaderFollowsThroughAFailedSync) {
  open_faulty();
  consumers::EmbeddedReader reader(*log_, 1);
  std::vector<std::string> seen;
  std::thread following([&] {
    while (seen.size() < 30) {
      const auto records = reader.read({}, std::chrono::seconds(30));
      ASSERT_TRUE(records) << records.error().message;
      ASSERT_FALSE(records->empty());
      for (const auto& record : *records) seen.push_back(record.value);
    }
  });
  for (int number = 0; number < 30; ++number) {
    if (number % 10 == 5) env_->fail_next_wal_sync();
    append(log_->commands(), std::to_string(number));
  }
  following.join();
  ASSERT_EQ(seen.size(), 30u);
  for (int number = 0; number < 30; ++number) EXPECT_EQ(seen[static_cast<std::size_t>(number)], std::to_string(number));
}

TEST_F(FailingLog, AfterAFailedSyncQueuedCommandsAreWrittenAndQueuedObservationsAreNot) {
  open_faulty();
  std::mutex mutex;
  std::vector<std::string> endings;
  const auto note = [&](const std::string& name) {
    return [&, name](producers::AppendResult result) {
      const std::lock_guard lock(mutex);
      endings.push_back(name + (is_durable(result) ? " durable" : is_refused(result) ? " refused" : " unknown"));
    };
  };
  auto hold = env_->hold_wal_syncs();
  const int syncs = env_->wal_syncs();
  log_->observations().append("acme", "first", note("first"));
  // Its sync waits, so what follows is behind it in the queue.
  ASSERT_TRUE(eventually([&] { return env_->wal_syncs() > syncs; }));
  env_->fail_next_wal_sync();
  log_->commands().append("acme", "command", note("command"));
  log_->observations().append("acme", "second", note("second"));
  hold.unlock();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  ASSERT_TRUE(log_->observations().drain(deadline));
  ASSERT_TRUE(log_->commands().drain(deadline));
  EXPECT_EQ(endings, (std::vector<std::string>{"first unknown", "command durable", "second refused"}));
  EXPECT_TRUE(is_durable(append(log_->observations(), "first again")));
}

TEST_F(FailingLog, WhenItCannotBeReopenedItEndsForGoodAndSaysSo) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "kept")));
  env_->take_away();
  EXPECT_TRUE(is_unknown(append(log_->commands(), "unknown")));
  auto told = fatal_.get_future();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_FALSE(told.get().message.empty());
  EXPECT_TRUE(is_refused(append(log_->commands(), "late")));
  EXPECT_FALSE(log_->condition().writable);
  EXPECT_FALSE(log_->close());
  log_.reset();
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(read_values(**again).value().at(0), "kept");
}

TEST_F(FailingLog, ADiskThatIsFullAllTheSameEndsItForGoodAndLosesNothing) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "kept")));
  // Below the watermark nothing was written; somebody else took the rest since it was last measured.
  env_->set_full(true);
  EXPECT_TRUE(is_unknown(append(log_->commands(), "unknown")));
  auto told = fatal_.get_future();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(told.get().code, ErrorCode::resource_exhausted);
  log_.reset();
  env_->set_full(false);
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(read_values(**again).value().at(0), "kept");
}

TEST_F(FailingLog, AFullDiskWhileATableIsWrittenEndsItForGoodAndLosesNothing) {
  write_buffer_bytes_ = 64 * 1024;
  open_faulty();
  std::vector<std::string> acknowledged;
  bool ended = false;
  for (int number = 0; number < 2000 && !ended; ++number) {
    if (number == 100) env_->fail_tables(rocksdb::IOStatus::NoSpace("No space left on device"));
    const auto value = std::to_string(number) + std::string(1000, 'v');
    const auto result = append(log_->commands(), value);
    if (is_durable(result)) acknowledged.push_back(value);
    ended = is_refused(result);
  }
  EXPECT_TRUE(ended);
  EXPECT_GE(acknowledged.size(), 100u);
  log_.reset();
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  const auto values = read_values(**again);
  ASSERT_TRUE(values) << values.error().message;
  ASSERT_GE(values->size(), acknowledged.size());
  for (std::size_t at = 0; at < acknowledged.size(); ++at) ASSERT_EQ((*values)[at], acknowledged[at]);
}

TEST_F(FailingLog, NoRoomWhileTablesAreMergedIsNoDamageAndTheyAreMergedLater) {
  std::size_t records = 0;
  // Each close leaves a table.
  for (; records < producers::RecordStore::kTablesToMerge; ++records) {
    open_faulty();
    ASSERT_TRUE(is_durable(append(log_->commands(), std::to_string(records))));
    log_.reset();
  }
  const auto tables = files(".sst").size();
  ASSERT_GE(tables, producers::RecordStore::kTablesToMerge);
  env_->fail_tables(rocksdb::IOStatus::NoSpace("No space left on device"));
  open_faulty();
  ASSERT_TRUE(eventually([&] { return env_->failed_tables() > 0; }));
  EXPECT_TRUE(log_->condition().writable);
  EXPECT_TRUE(is_durable(append(log_->commands(), "meanwhile")));
  env_->allow_tables();
  EXPECT_TRUE(eventually([&] { return files(".sst").size() < tables; }));
  EXPECT_TRUE(log_->condition().writable);
  EXPECT_EQ(log_->condition().detail, "");
  EXPECT_EQ(read_values(*log_)->size(), records + 1);
}

TEST_F(FailingLog, DamageThatRocksDbMeetsByItselfEndsTheLogForGood) {
  open_faulty();
  env_->fail_next_wal_append(rocksdb::IOStatus::Corruption("block checksum mismatch"));
  EXPECT_TRUE(is_unknown(append(log_->commands(), "unknown")));
  auto told = fatal_.get_future();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(told.get().code, ErrorCode::data_loss);
  EXPECT_TRUE(is_refused(append(log_->commands(), "late")));
}

TEST_F(FailingLog, BelowTheWatermarkAppendsAreRefusedUntilThereIsRoomAgain) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "before")));
  free_ = 64 * kMiB - 1;
  const auto result = append(log_->commands(), "no room");
  ASSERT_TRUE(is_refused(result));
  EXPECT_EQ(error_of(result).code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(error_of(result).retryable);
  EXPECT_NE(error_of(result).hint.find("make room"), std::string::npos);
  EXPECT_FALSE(log_->condition().writable);
  EXPECT_NE(log_->condition().detail.find(directory().native()), std::string::npos);
  EXPECT_EQ(read_values(*log_).value(), (std::vector<std::string>{"before"}));
  free_ = 64 * kMiB;
  EXPECT_TRUE(log_->condition().writable);
  EXPECT_TRUE(is_durable(append(log_->commands(), "after")));
}

TEST_F(FailingLog, OneSyncServesEverythingThatIsQueued) {
  open_faulty();
  const auto before = env_->wal_syncs();
  auto hold = env_->hold_wal_syncs();
  for (int number = 0; number < 500; ++number) log_->commands().append("acme", std::to_string(number), nullptr);
  hold.unlock();
  ASSERT_TRUE(log_->commands().drain(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  EXPECT_EQ(log_->bounds(0)->end, 501);
  // The first append may have gone alone, with a few behind it.
  EXPECT_LE(env_->wal_syncs() - before, 5);
}

TEST_F(FailingLog, NothingIsAcknowledgedOrReadBeforeItsSyncReturns) {
  open_faulty();
  auto hold = env_->hold_wal_syncs();
  std::promise<producers::AppendResult> ending;
  auto ended = ending.get_future();
  log_->commands().append("acme", "held", [&](producers::AppendResult result) { ending.set_value(std::move(result)); });
  EXPECT_EQ(ended.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(log_->bounds(0)->end, 1);
  EXPECT_TRUE(log_->read(1, 10, 1000)->empty());
  hold.unlock();
  EXPECT_TRUE(is_durable(ended.get()));
}

TEST_F(FailingLog, AFullQueueRefusesByCountAndByBytes) {
  auto with = options();
  with.env = env_.get();
  with.queue = {10, 1000};
  const auto log = open(with);
  ASSERT_TRUE(log);
  for (const std::size_t size : {std::size_t{1}, std::size_t{300}}) {
    auto hold = env_->hold_wal_syncs();
    std::atomic<int> refused = 0;
    std::atomic<int> durable = 0;
    for (int number = 0; number < 30; ++number) {
      (*log)->commands().append("acme", std::string(size, 'x'), [&](producers::AppendResult result) {
        if (is_durable(result)) ++durable;
        if (error_of(result).code == ErrorCode::resource_exhausted && error_of(result).retryable) ++refused;
      });
    }
    hold.unlock();
    ASSERT_TRUE((*log)->commands().drain(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
    EXPECT_GT(refused, 0);
    EXPECT_GT(durable, 0);
    EXPECT_EQ(refused + durable, 30);
  }
}

TEST_F(FailingLog, ASecondOpenerIsKeptOut) {
  open_faulty();
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::failed_precondition) << second.error().message;
  ASSERT_TRUE(is_durable(append(log_->commands(), "undisturbed")));
}

TEST_F(FailingLog, AnotherProcessIsKeptOutUntilThisOneIsGone) {
  const auto ready = beside("ready");
  const auto holder = start_holder(directory(), ready);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::failed_precondition) << second.error().message;
  EXPECT_NE(second.error().hint.find("another process"), std::string::npos);
  holder->kill9();
  EXPECT_TRUE(open());
}

TEST_F(FailingLog, ADirectoryWithoutPermissionIsSaidSo) {
  auto with = options();
  // Not even root may make a directory there.
  with.directory = "/sys/solo-log";
  const auto log = open(with);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::permission_denied) << log.error().message;
}

TEST_F(FailingLog, WhatIsAppendedAfterCloseIsRefused) {
  open_faulty();
  ASSERT_TRUE(is_durable(append(log_->commands(), "before")));
  EXPECT_TRUE(log_->close());
  EXPECT_TRUE(log_->close());
  EXPECT_TRUE(is_refused(append(log_->commands(), "after")));
}

}  // namespace
}  // namespace solo::testing
