#include "consumers/verification_queue.h"

#include <gtest/gtest.h>

#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;
using producers::VerifyOrder;
using schemas::ErrorCode;

class VerificationQueueTest : public ::testing::Test {
 protected:
  /// Its error; ok: it waits.
  ErrorCode ask(VerifyOrder order, std::chrono::seconds patience = 60s) {
    order.deadline = now_ + patience;
    VerificationQueue::Verified done = [](const schemas::Result<v1::VerificationReportT>&) {};
    const auto added = queue_.add(order, done);
    return added ? ErrorCode::ok : added.error().code;
  }
  /// `TENANT WAITERS` of the next run.
  std::string next() {
    late_.clear();
    const auto run = queue_.next(now_, late_);
    return run ? run->order.tenant + " " + std::to_string(run->waiters.size()) : "";
  }

  Instant now_{1000s};
  VerificationQueue queue_;
  std::vector<VerificationQueue::Waiter> late_;
};

TEST_F(VerificationQueueTest, WhatIsAskedInTheSameWordsIsOneRun) {
  for (int i = 0; i < 100; ++i) ASSERT_EQ(ask({.tenant = "acme"}), ErrorCode::ok);
  EXPECT_EQ(ask({.tenant = "acme", .fix = true}), ErrorCode::resource_exhausted) << "one run of a tenant waits";
  EXPECT_EQ(next(), "acme 100");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(ask({.tenant = "acme", .fix = true}), ErrorCode::ok);
}

TEST_F(VerificationQueueTest, WhoeverAsksAboutEverybodyComesFirstAndIsNeverKeptOut) {
  for (int i = 0; i < 16; ++i) ASSERT_EQ(ask({.tenant = "t" + std::to_string(i)}), ErrorCode::ok);
  EXPECT_EQ(ask({.tenant = "t16"}), ErrorCode::resource_exhausted);
  EXPECT_EQ(ask({.tenant = "t3"}), ErrorCode::ok) << "shares the run that waits";
  EXPECT_EQ(ask({.tenant = "*"}), ErrorCode::ok);
  EXPECT_EQ(ask({.tenant = "*", .fix = true}), ErrorCode::ok);
  EXPECT_EQ(ask({.tenant = "*"}), ErrorCode::ok);
  EXPECT_EQ(next(), "* 2");
  EXPECT_EQ(next(), "* 1");
  EXPECT_EQ(next(), "t0 1");
}

TEST_F(VerificationQueueTest, WhoseTimeIsUpIsNotServed) {
  ASSERT_EQ(ask({.tenant = "acme"}, 5s), ErrorCode::ok);
  ASSERT_EQ(ask({.tenant = "acme"}, 20s), ErrorCode::ok);
  ASSERT_EQ(ask({.tenant = "globex"}, 5s), ErrorCode::ok);
  now_ += 10s;
  EXPECT_EQ(next(), "acme 1");
  EXPECT_EQ(late_.size(), 1U);
  EXPECT_EQ(next(), "");
  EXPECT_EQ(late_.size(), 1U);
  EXPECT_TRUE(queue_.is_empty());
}

}  // namespace
}  // namespace solo::consumers
