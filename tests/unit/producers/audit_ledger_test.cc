#include "producers/audit_ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace solo::producers {
namespace {

using v1::DenialReason;
using v1::Permission;

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kNoon = 1'700'000'040 * std::int64_t{1'000'000};
static_assert(kNoon % kMinute == 0);

TokenCheck allowed(std::string_view accessor, Permission permission = Permission::read) {
  return {.accessor = accessor, .permission = permission, .command = "Status"};
}
TokenCheck denied(DenialReason reason, std::string_view accessor) {
  return {.accessor = accessor, .permission = Permission::deploy, .command = "Deploy", .reason = reason};
}

TEST(AuditLedger, AllowedChecksAreCountedPerAccessorPermissionAndMinute) {
  AuditLedger ledger;
  for (int i = 0; i < 3; ++i) ledger.add(allowed("acc_a"), {}, kNoon + i);
  ledger.add(allowed("acc_a", Permission::kill), {}, kNoon + 5);
  ledger.add(allowed("acc_b"), {}, kNoon + 6);
  ledger.add(allowed("acc_a"), {}, kNoon + kMinute);
  EXPECT_EQ(ledger.size(), 4U);
  const auto events = ledger.take(kNoon + kMinute + 1, false).events();
  ASSERT_EQ(events.size(), 3U);
  const auto expect = [&](std::size_t at, const char* accessor, Permission permission, std::uint64_t count) {
    const auto* verified = events[at].payload.AsCapabilityVerified();
    ASSERT_NE(verified, nullptr);
    EXPECT_EQ(verified->accessor, accessor);
    EXPECT_EQ(verified->permission, permission);
    EXPECT_EQ(verified->count, count);
    EXPECT_EQ(verified->since, kNoon);
    EXPECT_EQ(events[at].time, kNoon + kMinute);
  };
  const bool kill_first = Permission::kill < Permission::read;
  expect(kill_first ? 0 : 1, "acc_a", Permission::kill, 1);
  expect(kill_first ? 1 : 0, "acc_a", Permission::read, 3);
  expect(2, "acc_b", Permission::read, 1);
  EXPECT_TRUE(ledger.take(kNoon + kMinute + 2, false).empty()) << "the current minute is not over";
  EXPECT_EQ(ledger.take(kNoon + kMinute + 2, true).events().size(), 1U) << "at the end it counts, too";
  EXPECT_EQ(ledger.size(), 0U);
}

TEST(AuditLedger, WhatIsAskedAboutDifferentTenantsIsToldApart) {
  AuditLedger ledger;
  for (const char* tenant : {"acme", "globex", "acme", ""}) {
    TokenCheck check = allowed("acc_a");
    check.tenant = tenant;
    ledger.add(check, {}, kNoon);
    check = denied(DenialReason::tenant, "acc_a");
    check.tenant = tenant;
    ledger.add(check, {}, kNoon);
  }
  std::map<std::string, std::uint64_t> verified;
  std::map<std::string, std::uint64_t> turned_away;
  for (const auto& event : ledger.take(kNoon, true).events()) {
    if (const auto* one = event.payload.AsCapabilityVerified()) verified[event.tenant] += one->count;
    if (const auto* one = event.payload.AsCapabilityDenied()) turned_away[event.tenant] += 1 + one->suppressed;
  }
  const std::map<std::string, std::uint64_t> expected{{"", 1}, {"acme", 2}, {"globex", 1}};
  EXPECT_EQ(verified, expected);
  EXPECT_EQ(turned_away, expected);
}

TEST(AuditLedger, ADenialCarriesItsReasonAccessorAndWhoItCameFrom) {
  AuditLedger ledger;
  ledger.add(denied(DenialReason::revoked, "acc_a"), "tcp://192.0.2.7:1", kNoon);
  const auto events = ledger.take(kNoon + 1, false).events();
  ASSERT_EQ(events.size(), 1U);
  const auto* told = events[0].payload.AsCapabilityDenied();
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->reason, DenialReason::revoked);
  EXPECT_EQ(told->accessor, "acc_a");
  EXPECT_EQ(told->permission, Permission::deploy);
  EXPECT_EQ(told->command, "Deploy");
  EXPECT_EQ(told->peer, "tcp://192.0.2.7:1");
  EXPECT_EQ(told->suppressed, 0U);
  EXPECT_EQ(events[0].time, kNoon);
}

TEST(AuditLedger, DenialsOfOneKindAreOneRecordThatSaysHowManyThereWere) {
  AuditLedger ledger;
  for (int i = 0; i < 1000; ++i) ledger.add(denied(DenialReason::expired, "acc_a"), {}, kNoon + i);
  ledger.add(denied(DenialReason::permission, "acc_a"), {}, kNoon);
  const auto events = ledger.take(kNoon + 2000, false).events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].payload.AsCapabilityDenied()->suppressed, 999U);
  EXPECT_EQ(events[1].payload.AsCapabilityDenied()->suppressed, 0U);
}

std::map<std::tuple<DenialReason, std::string, std::string>, std::uint64_t> told_of(
    const std::vector<v1::EventT>& all) {
  std::map<std::tuple<DenialReason, std::string, std::string>, std::uint64_t> told;
  for (const auto& event : all) {
    if (const auto* one = event.payload.AsCapabilityDenied()) {
      told[{one->reason, one->accessor, event.tenant}] += 1 + one->suppressed;
    }
  }
  return told;
}

TEST(AuditLedger, AFloodOfStrangersHidesNothingOfTokensThatAreKnown) {
  AuditLedger ledger;
  for (int i = 0; i < 5'000; ++i) {
    const std::string name = "acc_" + std::to_string(i);
    const std::string peer = "tcp://192.0.2.7:" + std::to_string(i);
    for (const auto reason : {DenialReason::unknown, DenialReason::malformed, DenialReason::missing}) {
      ledger.add(denied(reason, reason == DenialReason::unknown ? name : ""), peer, kNoon);
    }
  }
  TokenCheck check = denied(DenialReason::revoked, "acc_a");
  check.owner = check.tenant = "acme";
  ledger.add(check, "tcp://192.0.2.8:1", kNoon);
  EXPECT_EQ(ledger.blurred(), 15'000U - 100U);
  EXPECT_EQ(ledger.dropped(), 0U);
  const auto told = told_of(ledger.take(kNoon + 1, false).events());
  EXPECT_EQ(told.at({DenialReason::revoked, "acc_a", "acme"}), 1U);
  EXPECT_EQ(told.at({DenialReason::unknown, "", ""}), 5'000U);
  EXPECT_EQ(told.size(), 4U) << "none has a name that a stranger made up";
}

TEST(AuditLedger, StrangersAreToldByWhereTheyAre) {
  AuditLedger ledger;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "acc_" + std::to_string(i);
    ledger.add(denied(DenialReason::unknown, name), i % 3 == 0 ? "tcp://192.0.2.7:1" : "tcp://192.0.2.8:1", kNoon);
  }
  std::map<std::string, std::uint64_t> by_peer;
  for (const auto& event : ledger.take(kNoon + 1, false).events()) {
    const auto* one = event.payload.AsCapabilityDenied();
    EXPECT_EQ(one->accessor, "");
    by_peer[one->peer] += 1 + one->suppressed;
  }
  EXPECT_EQ(by_peer, (std::map<std::string, std::uint64_t>{{"tcp://192.0.2.7:1", 100}, {"tcp://192.0.2.8:1", 200}}));
  EXPECT_EQ(ledger.blurred(), 0U);
}

TEST(AuditLedger, ATenantsFloodHidesNothingOfAnothersTokens) {
  AuditLedger ledger;
  for (int i = 0; i < 500; ++i) {
    // One token, and ever other tenants that it asks about.
    const std::string tenant = "tenant-" + std::to_string(i);
    TokenCheck check = denied(DenialReason::tenant, "acc_a");
    check.owner = "acme";
    check.tenant = tenant;
    ledger.add(check, {}, kNoon);
  }
  TokenCheck check = denied(DenialReason::tenant, "acc_b");
  check.owner = "globex";
  check.tenant = "acme";
  ledger.add(check, {}, kNoon);
  EXPECT_EQ(ledger.blurred(), 400U);
  const auto told = told_of(ledger.take(kNoon + 1, false).events());
  EXPECT_EQ(told.at({DenialReason::tenant, "acc_b", "acme"}), 1U);
  EXPECT_EQ(told.at({DenialReason::tenant, "", ""}), 400U);
  // A new take, new room.
  check.owner = "acme";
  ledger.add(check, {}, kNoon);
  EXPECT_EQ(ledger.blurred(), 400U);
}

RC_GTEST_PROP(AuditLedger, WhateverComesEveryDenialIsCountedAndNoCheckIsLostUnsaid, ()) {
  AuditLedger ledger({.max_counters = 5, .max_strangers = 3, .max_denials_per_tenant = 4, .max_denials = 6});
  const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
      rc::gen::tuple(rc::gen::inRange(0, 12), rc::gen::inRange(0, 10), rc::gen::inRange(0, 90)));
  std::uint64_t verified = 0;
  std::uint64_t denials = 0;
  std::uint64_t told_verified = 0;
  std::uint64_t told_denials = 0;
  std::int64_t now = kNoon;
  const auto count = [&](const std::vector<v1::EventT>& events) {
    for (const auto& event : events) {
      if (const auto* one = event.payload.AsCapabilityVerified()) told_verified += one->count;
      if (const auto* one = event.payload.AsCapabilityDenied()) told_denials += 1 + one->suppressed;
    }
  };
  for (const auto& [accessor, reason, seconds] : steps) {
    const std::string name = "acc_" + std::to_string(accessor);
    now += std::int64_t{seconds} * 1'000'000;
    if (accessor == 11) {
      count(ledger.take(now, false).events());
    } else if (reason == 0) {
      ledger.add(allowed(name), {}, now);
      ++verified;
    } else {
      TokenCheck check = denied(static_cast<DenialReason>(reason % 9 + 1), name);
      const std::string owner = accessor % 2 == 0 ? "acme" : "globex";
      check.owner = owner;
      ledger.add(check, "peer " + name, now);
      ++denials;
    }
    RC_ASSERT(ledger.size() <= 5U + 3U + 6U + 9U);
  }
  count(ledger.take(now, true).events());
  RC_ASSERT(told_denials == denials);
  RC_ASSERT(told_verified + ledger.dropped() == verified);
  RC_ASSERT(ledger.size() == 0U);
}

TEST(AuditLedger, AClockThatIsSetBackLeavesNoMinuteBehind) {
  AuditLedger ledger;
  ledger.add(allowed("acc_a"), {}, kNoon + 10 * kMinute);
  ledger.add(allowed("acc_a"), {}, kNoon);
  EXPECT_EQ(ledger.take(kNoon, false).events().size(), 1U);
  EXPECT_EQ(ledger.take(kNoon + kMinute, false).events().size(), 1U);
}

TEST(AuditLedger, WhatNeededNoTokenIsNotRecorded) {
  AuditLedger ledger;
  ledger.add(allowed("", Permission::unspecified), {}, kNoon);
  EXPECT_TRUE(ledger.take(kNoon, true).empty());
}

}  // namespace
}  // namespace solo::producers
