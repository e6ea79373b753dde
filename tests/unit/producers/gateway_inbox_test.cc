#include "producers/gateway_inbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

namespace solo::producers {
namespace {

constexpr GatewayInbox::Interest kNothing{};
constexpr GatewayInbox::Interest kViews{.views = true, .services = false};
constexpr GatewayInbox::Interest kAll{.views = true, .services = true};

schemas::ServiceKey key(const char* service) {
  return {schemas::TenantName::trusted("acme"), schemas::ServiceName::trusted(service)};
}
projections::ViewChange change(std::int64_t next_offset, std::vector<schemas::ServiceKey> services = {}) {
  return {0, next_offset, std::move(services), false};
}
WakeFlag flag(bool wake) { return std::make_shared<std::atomic<bool>>(wake); }
AppendResult durable(std::int64_t offset) { return Durable{{0, offset}}; }

class Inbox : public ::testing::Test {
 protected:
  bool signalled() {
    pollfd wait{inbox.fd(), POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
  }
  void sleep(GatewayInbox::Interest interest) { ASSERT_TRUE(inbox.prepare_to_sleep(interest)); }

  GatewayInbox inbox{1};
};

TEST_F(Inbox, ADurableAppendWhoseClientWaitsForTheViewsDoesNotWake) {
  sleep(kViews);
  inbox.append_ended(1, durable(5), flag(false));
  EXPECT_FALSE(signalled());
  inbox.views_changed(change(6));
  EXPECT_TRUE(signalled());
  inbox.awake();
  const auto batch = inbox.take();
  EXPECT_EQ(batch.ended.size(), 1U);
  EXPECT_TRUE(batch.changed);
}

TEST_F(Inbox, ItWakesWhenTheViewsWereQuicker) {
  sleep(kViews);
  inbox.views_changed(change(6));
  inbox.awake();
  inbox.take();
  sleep(kViews);
  inbox.append_ended(1, durable(5), flag(false));
  EXPECT_TRUE(signalled());
}

TEST_F(Inbox, ItWakesWhenTheClientWaitsForDurableOrTheAppendFailed) {
  sleep(kViews);
  inbox.append_ended(1, durable(5), flag(true));
  EXPECT_TRUE(signalled());
  inbox.awake();
  inbox.take();
  sleep(kViews);
  inbox.append_ended(2, Refused{}, flag(false));
  EXPECT_TRUE(signalled());
}

TEST_F(Inbox, NobodyIsWokenForChangesNobodyWaitsFor) {
  sleep(kNothing);
  inbox.views_changed(change(6, {key("web")}));
  EXPECT_FALSE(signalled());
  inbox.awake();
  EXPECT_TRUE(inbox.take().services.empty());
}

TEST_F(Inbox, WhatCameWhileAwakeKeepsItFromSleeping) {
  inbox.views_changed(change(6, {key("web")}));
  EXPECT_FALSE(inbox.prepare_to_sleep(kAll));
  EXPECT_EQ(inbox.take().services.size(), 1U);
  inbox.append_ended(1, durable(9), flag(false));
  EXPECT_FALSE(inbox.prepare_to_sleep(kAll));
  inbox.take();
  inbox.wake();
  EXPECT_FALSE(inbox.prepare_to_sleep(kNothing));
  inbox.take();
  EXPECT_TRUE(inbox.prepare_to_sleep(kAll));
}

TEST_F(Inbox, TooManyServicesBecomeAnyService) {
  const std::vector<schemas::ServiceKey> many(6'000, key("web"));
  inbox.views_changed(change(6, many));
  inbox.views_changed(change(7, many));
  const auto batch = inbox.take();
  EXPECT_TRUE(batch.any_service);
  EXPECT_TRUE(batch.services.empty());
}

TEST_F(Inbox, ASignalThatComesLateEndsOneSleepAndNoMore) {
  constexpr int kRounds = 20'000;
  std::atomic<int> begun{0};
  std::atomic<int> done{0};
  std::thread waker([&] {
    for (int round = 1; round <= kRounds; ++round) {
      while (begun.load() < round) {
      }
      inbox.wake();
      done.store(round);
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    sleep(kNothing);
    begun.store(round);
    // Woken by something else, somewhere around the signal.
    for (std::atomic<int> pause{round % 200}; pause.load() > 0; --pause) {
    }
    inbox.awake();
    while (done.load() < round) {
    }
    inbox.take();
    // What is left of it may end this sleep.
    sleep(kNothing);
    inbox.awake();
    sleep(kNothing);
    if (signalled()) {
      ADD_FAILURE() << "in round " << round << " the signal ends every sleep";
      begun.store(kRounds);
      break;
    }
    inbox.awake();
  }
  waker.join();
}

}  // namespace
}  // namespace solo::producers
