#include "producers/audit_recorder.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "schemas/codec.h"

namespace solo::producers {
namespace {

using v1::DenialReason;
using v1::Permission;

TokenCheck used(std::string_view accessor) {
  TokenCheck check;
  check.accessor = accessor;
  check.permission = Permission::read;
  check.command = "Status";
  return check;
}

TokenCheck refused(std::string_view accessor, DenialReason reason) {
  TokenCheck check;
  check.accessor = accessor;
  check.command = "Kill";
  check.reason = reason;
  check.peer = 7;
  return check;
}

/// A sink that takes, refuses or never comes back, as the test says.
class TestSink final : public AuditSink {
 public:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool blocked = false;
    bool failing = false;
    int calls = 0;
    std::vector<std::string> records;

    void set_blocked(bool value) {
      const std::lock_guard lock(mutex);
      blocked = value;
      changed.notify_all();
    }
    bool wait_for_call(int number) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, std::chrono::seconds(20), [&] { return calls >= number; });
    }
  };
  explicit TestSink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  schemas::Result<void> write(const std::vector<std::string>& records) override {
    std::unique_lock lock(shared_->mutex);
    ++shared_->calls;
    shared_->changed.notify_all();
    shared_->changed.wait(lock, [this] { return !shared_->blocked; });
    if (shared_->failing) return schemas::fail(schemas::ErrorCode::unavailable, "the disk is gone");
    shared_->records.insert(shared_->records.end(), records.begin(), records.end());
    return {};
  }
  Condition condition() const override { return {}; }

 private:
  std::shared_ptr<Shared> shared_;
};

class AuditRecorderTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditRecorder> recorder(AuditRecorderOptions options = {}) {
    options.node = "a";
    options.run = "run";
    options.interval = std::chrono::milliseconds(1);
    options.peer_name = [](PeerId peer) { return "peer " + std::to_string(peer); };
    return std::make_unique<AuditRecorder>(std::move(options), std::make_unique<TestSink>(shared_), clock_);
  }
  std::vector<v1::EventT> events() const {
    std::vector<v1::EventT> found;
    for (const auto& bytes : shared_->records) found.push_back(*schemas::decode_event(bytes));
    return found;
  }
  static std::chrono::steady_clock::time_point soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(20);
  }

  std::shared_ptr<TestSink::Shared> shared_ = std::make_shared<TestSink::Shared>();
  SystemClock clock_;
};

TEST_F(AuditRecorderTest, EverythingIsWrittenByTheEndAndEveryEventHasAnEnvelope) {
  auto audit = recorder();
  for (int i = 0; i < 1000; ++i) audit->checked(used("acc_a"));
  audit->checked(refused("acc_b", DenialReason::revoked));
  EXPECT_TRUE(audit->stop(soon()));
  std::uint64_t verified = 0;
  std::uint64_t denied = 0;
  std::set<std::string> ids;
  for (const auto& event : events()) {
    EXPECT_TRUE(ids.insert(event.id).second);
    EXPECT_EQ(event.source, "/nodes/a/audit");
    EXPECT_EQ(event.tenant, "system");
    EXPECT_NE(event.time, 0);
    if (const auto* one = event.payload.AsCapabilityVerified()) verified += one->count;
    if (const auto* one = event.payload.AsCapabilityDenied()) {
      denied += 1;
      EXPECT_EQ(one->peer, "peer 7");
      EXPECT_EQ(one->accessor, "acc_b");
    }
  }
  EXPECT_EQ(verified, 1000U);
  EXPECT_EQ(denied, 1U);
  EXPECT_EQ(audit->condition().pending, 0U);
  EXPECT_EQ(audit->condition().dropped, 0U);
}

TEST_F(AuditRecorderTest, ASinkThatNeverComesBackDelaysNoCheckAndWhatIsDroppedIsCounted) {
  shared_->set_blocked(true);
  AuditRecorderOptions options;
  options.limits.max_counters = 100;
  auto audit = recorder(options);
  audit->checked(refused("acc_a", DenialReason::unknown));
  ASSERT_TRUE(shared_->wait_for_call(1));
  // The sink has the writing thread: were anybody to wait for it, this would never end.
  for (int i = 0; i < 1'000; ++i) {
    const std::string accessor = "acc_" + std::to_string(i);
    audit->checked(used(accessor));
  }
  EXPECT_EQ(audit->condition().dropped, 900U);
  EXPECT_EQ(audit->condition().pending, 101U);
  EXPECT_FALSE(audit->stop(std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
  shared_->set_blocked(false);
  EXPECT_TRUE(audit->stop(soon()));
  EXPECT_EQ(shared_->records.size(), 101U);
}

TEST_F(AuditRecorderTest, DenialsWithoutTheirDetailsAreCounted) {
  AuditRecorderOptions options;
  options.limits.max_strangers = 0;
  auto audit = recorder(options);
  for (int i = 0; i < 10; ++i) audit->checked(refused("", DenialReason::missing));
  EXPECT_EQ(audit->condition().blurred, 10U);
  EXPECT_EQ(audit->condition().dropped, 0U);
  EXPECT_TRUE(audit->stop(soon()));
}

TEST_F(AuditRecorderTest, WhatASinkRefusesIsKeptUpToTheLimitAndWrittenWhenItIsBack) {
  shared_->failing = true;
  AuditRecorderOptions options;
  options.max_pending = 5;
  auto audit = recorder(options);
  for (int i = 0; i < 8; ++i) {
    const int calls = [&] {
      const std::lock_guard lock(shared_->mutex);
      return shared_->calls;
    }();
    const std::string accessor = "acc_" + std::to_string(i);
    audit->checked(refused(accessor, DenialReason::expired));
    ASSERT_TRUE(shared_->wait_for_call(calls + 2));
  }
  EXPECT_EQ(audit->condition().trouble, "the disk is gone");
  EXPECT_EQ(audit->condition().dropped, 3U);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->failing = false;
  }
  EXPECT_TRUE(audit->stop(soon()));
  EXPECT_EQ(shared_->records.size(), 5U);
  EXPECT_EQ(audit->condition().trouble, "");
}

}  // namespace
}  // namespace solo::producers
