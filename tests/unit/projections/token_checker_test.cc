// What a token is good for, and from when on it is good for nothing.
#include "projections/token_checker.h"

#include <gtest/gtest.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/unit/projections/token_world.h"

namespace solo::testing {
namespace {

using schemas::ErrorCode;
using v1::DenialReason;
using v1::Permission;
using v1::TokenState;

class TokenChecks : public ::testing::TestWithParam<std::int32_t> {
 protected:
  TokenChecks() { EXPECT_EQ(world.grant_root(root), ErrorCode::ok); }

  TokenWorld world{GetParam()};
  const TestToken root = test_root();
  const TestToken a = test_token(1);
  const TestToken b = test_token(2);
  const TestToken c = test_token(3);
};

INSTANTIATE_TEST_SUITE_P(Partitions, TokenChecks, ::testing::Values(1, 3));

TEST_P(TokenChecks, TheRootTokenMayDoEverythingForEveryone) {
  const auto capability = world.capability(root, "globex");
  EXPECT_TRUE(capability.all_tenants);
  EXPECT_TRUE(capability.is_for("acme"));
  EXPECT_TRUE(capability.may(Permission::publish));
  EXPECT_EQ(capability.services, "*");
  EXPECT_EQ(capability.expires_at, 0);
  EXPECT_EQ(capability.accessor(), root.accessor);
}

TEST_P(TokenChecks, WhatIsNoTokenIsToldFromOneThatIsNotKnown) {
  const auto reason = [&](const std::string& text) { return world.checker().check(text, "acme", world.now)->reason; };
  EXPECT_EQ(reason(""), DenialReason::missing);
  EXPECT_EQ(reason("solo_"), DenialReason::malformed);
  EXPECT_EQ(reason(a.text + "0"), DenialReason::malformed);
  EXPECT_EQ(reason(std::string(a.text.size(), 'x')), DenialReason::malformed);
  EXPECT_EQ(reason(a.text), DenialReason::unknown);
  EXPECT_EQ(world.check(a).accessor, a.accessor);
}

TEST_P(TokenChecks, AChildHasWhatItsParentHasTooAndNoMore) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor,
                            .permissions = {Permission::deploy, Permission::read},
                            .services = "web-*",
                            .ttl_ms = 10'000}),
            ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor,
                            .permissions = {Permission::read, Permission::kill},
                            .services = "*",
                            .ttl_ms = 99'000}),
            ErrorCode::ok);
  const auto capability = world.capability(b);
  EXPECT_TRUE(capability.may(Permission::read));
  EXPECT_FALSE(capability.may(Permission::kill));
  EXPECT_FALSE(capability.may(Permission::deploy));
  EXPECT_EQ(capability.services, "web-*");
  EXPECT_EQ(capability.expires_at, kBegin + 10 * kSecond);
  EXPECT_EQ(capability.depth, 2U);
  EXPECT_FALSE(capability.is_for("globex"));
}

TEST_P(TokenChecks, AdminIsEveryPermission) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor, .permissions = {Permission::admin}}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor, .permissions = {Permission::verify}}), ErrorCode::ok);
  EXPECT_TRUE(world.capability(a).may(Permission::audit));
  EXPECT_TRUE(world.capability(b).may(Permission::verify));
  EXPECT_FALSE(world.capability(b).may(Permission::admin));
}

TEST_P(TokenChecks, ServicesThatShareNothingAreNone) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor, .services = "web-*"}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor, .services = "db"}), ErrorCode::ok);
  EXPECT_EQ(world.capability(b).services, "-");
}

TEST_P(TokenChecks, AnExpiredTokenNeverWorksThoughNothingSweptIt) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor, .ttl_ms = 1000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = a.accessor, .ttl_ms = 5000}), ErrorCode::ok);
  for (const auto* token : {&a, &b, &c}) EXPECT_TRUE(world.check(*token).good());
  world.now += kSecond - 1;
  for (const auto* token : {&a, &b, &c}) EXPECT_TRUE(world.check(*token).good());
  world.now += 1;
  EXPECT_EQ(world.reason(a), DenialReason::expired);
  EXPECT_EQ(world.reason(b), DenialReason::expired) << "it had what its parent had left";
  EXPECT_EQ(world.reason(c), DenialReason::ancestor);
}

TEST_P(TokenChecks, AChildOfATokenThatNeverExpiresLivesThirtyDays) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  EXPECT_EQ(world.capability(a).expires_at, kBegin + 30 * kDay);
}

TEST_P(TokenChecks, RevokingAParentEndsAllThatDescendFromIt) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = b.accessor}), ErrorCode::ok);
  EXPECT_TRUE(world.check(c).good());
  ASSERT_EQ(world.revoke(a), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), DenialReason::revoked);
  EXPECT_EQ(world.reason(b), DenialReason::ancestor);
  EXPECT_EQ(world.reason(c), DenialReason::ancestor);
  EXPECT_EQ(world.state(c), TokenState::fallen);
  EXPECT_EQ(world.state(a), TokenState::revoked);
  world.forget();
  EXPECT_EQ(world.reason(c), DenialReason::ancestor);
}

TEST_P(TokenChecks, RevokingATokenForEveryTenantEndsWhatOtherTenantsHaveOfIt) {
  ASSERT_EQ(world.grant(a, {.tenant = "system", .parent = root.accessor, .all_tenants = true}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.tenant = "globex", .parent = a.accessor}), ErrorCode::ok);
  EXPECT_TRUE(world.check(b).good());
  EXPECT_TRUE(world.check(c, "globex").good());
  ASSERT_EQ(world.revoke(a, "system"), ErrorCode::ok);
  EXPECT_EQ(world.reason(b), DenialReason::ancestor);
  EXPECT_EQ(world.reason(c, "globex"), DenialReason::ancestor);
}

TEST_P(TokenChecks, RevokingAllOfATenantEndsKnownAndUnknownOnesAtOnce) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  EXPECT_TRUE(world.check(a).good());
  ASSERT_EQ(world.revoke_all("acme"), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), DenialReason::revoked);
  EXPECT_EQ(world.reason(b), DenialReason::revoked);
  ASSERT_EQ(world.grant(c, {.parent = root.accessor}), ErrorCode::ok);
  EXPECT_TRUE(world.check(c).good());
}

TEST_P(TokenChecks, ANewRootTakesTheFormerOnesPlaceInEveryChain) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  EXPECT_TRUE(world.check(b).good());
  for (std::uint64_t number = 50; number < 53; ++number) ASSERT_EQ(world.grant_root(test_token(number)), ErrorCode::ok);
  EXPECT_EQ(world.reason(root, "system"), DenialReason::revoked);
  EXPECT_EQ(world.state(root, "system"), TokenState::replaced);
  EXPECT_TRUE(world.check(test_token(52), "globex").good());
  EXPECT_TRUE(world.check(b).good()) << "nothing it granted falls";
  EXPECT_EQ(world.capability(b).depth, 2U);
  ASSERT_EQ(world.revoke(test_token(52), "system"), ErrorCode::ok);
  EXPECT_EQ(world.reason(b), DenialReason::ancestor) << "it descends from the new one now";
}

TEST_P(TokenChecks, ARevokedRootIsNotReplacedAndWhatItGrantedStaysEnded) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.revoke(root, "system"), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), DenialReason::ancestor);
  ASSERT_EQ(world.grant_root(b), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), DenialReason::ancestor);
  EXPECT_TRUE(world.check(b).good());
}

TEST_P(TokenChecks, ATokenOfAnotherTenantIsFoundAndNotGoodForThisOne) {
  ASSERT_EQ(world.grant(a, {.tenant = "globex", .parent = root.accessor}), ErrorCode::ok);
  const auto verdict = world.check(a, "acme");
  ASSERT_TRUE(verdict.good());
  EXPECT_FALSE(verdict.capability.is_for("acme"));
  EXPECT_FALSE(verdict.capability.is_for("*"));
  EXPECT_TRUE(verdict.capability.is_for("globex"));
}

TEST_P(TokenChecks, AChildForEveryTenantOfATokenForOneIsForOne) {
  ASSERT_EQ(world.grant(a, {.tenant = "system", .parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.tenant = "system", .parent = a.accessor, .all_tenants = true}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.tenant = "acme", .parent = b.accessor}), ErrorCode::ok);
  EXPECT_FALSE(world.capability(b, "system").all_tenants);
  EXPECT_EQ(world.reason(c), DenialReason::ancestor) << "its parent is not for its tenant";
}

TEST_P(TokenChecks, AChildWhoseParentIsNotThereIsGoodOnceItIs) {
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  EXPECT_EQ(world.reason(b), DenialReason::ancestor);
  ASSERT_EQ(world.grant(a, {.tenant = "system", .parent = root.accessor, .all_tenants = true}), ErrorCode::ok);
  EXPECT_TRUE(world.check(b).good());
}

TEST_P(TokenChecks, AChainThatLeadsBackToItselfIsGoodForNothing) {
  ASSERT_EQ(world.grant(a, {.parent = b.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = c.accessor}), ErrorCode::ok);
  for (int round = 0; round < 3; ++round) {
    for (const auto* token : {&a, &b, &c}) EXPECT_EQ(world.reason(*token), DenialReason::ancestor);
  }
}

TEST_P(TokenChecks, AChainOverEightIsGoodForNothing) {
  // Eight in tenant system, and more below in another.
  std::string parent = root.accessor;
  for (std::uint64_t depth = 1; depth <= 8; ++depth) {
    const TestToken next = test_token(100 + depth);
    ASSERT_EQ(world.grant(next, {.tenant = "system", .parent = parent, .all_tenants = true}), ErrorCode::ok);
    parent = next.accessor;
  }
  EXPECT_EQ(world.capability(test_token(108), "acme").depth, 8U);
  ASSERT_EQ(world.grant(a, {.parent = parent}), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), DenialReason::ancestor);
}

TEST_P(TokenChecks, OnesOwnAreThoseThatDescendFromItAndOthersStandAboveIt) {
  ASSERT_EQ(world.grant(a, {.parent = root.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = root.accessor}), ErrorCode::ok);
  const auto kinship = [&](const TestToken& token, const TestToken& of, const std::string& tenant = "acme") {
    return *world.checker().kinship(tenant, token.accessor, world.capability(of, "acme"));
  };
  EXPECT_TRUE(kinship(b, a).descends);
  EXPECT_TRUE(kinship(b, root).descends);
  EXPECT_TRUE(kinship(a, a).descends);
  EXPECT_FALSE(kinship(c, a).descends);
  EXPECT_FALSE(kinship(a, b).descends);
  EXPECT_TRUE(kinship(a, b).is_above);
  EXPECT_TRUE(kinship(root, b, "system").is_above);
  EXPECT_TRUE(kinship(root, b, "system").all_tenants);
  EXPECT_FALSE(kinship(a, a).is_above);
  EXPECT_FALSE(kinship(c, b).is_above);
  EXPECT_FALSE(kinship(b, a).all_tenants);
  EXPECT_TRUE(kinship(c, a).known);
  EXPECT_FALSE(kinship(c, a, "globex").known);
  EXPECT_FALSE(kinship(test_token(99), a).known);
  EXPECT_FALSE(kinship(test_token(99), a).descends);
  // All of a tenant's.
  EXPECT_TRUE(world.checker().kinship("acme", "", world.capability(b, "acme"))->is_above);
  EXPECT_FALSE(world.checker().kinship("acme", "", world.capability(a, "acme"))->is_above);
  EXPECT_TRUE(world.checker().kinship("system", "", world.capability(a, "acme"))->is_above);
  EXPECT_FALSE(world.checker().kinship("system", "", world.capability(root, "acme"))->is_above);
}

TEST_P(TokenChecks, AKnownTokenIsCheckedWithoutTheViewsAndNoMoreAreKnownThanMayBe) {
  world.forget({.max_tokens = 4});
  std::vector<TestToken> tokens;
  for (std::uint64_t number = 200; number < 240; ++number) {
    tokens.push_back(test_token(number));
    ASSERT_EQ(world.grant(tokens.back(), {.parent = root.accessor}), ErrorCode::ok);
  }
  for (int round = 0; round < 3; ++round) {
    for (const auto& token : tokens) {
      EXPECT_TRUE(world.check(token).good());
      EXPECT_LE(world.checker().known(), 4U);
    }
  }
  ASSERT_EQ(world.revoke(tokens[7]), ErrorCode::ok);
  for (const auto& token : tokens) EXPECT_EQ(world.check(token).good(), &token != &tokens[7]);
}

/// What this thread has asked of RocksDB since the last look.
class StoreReads {
 public:
  StoreReads() {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
    rocksdb::get_perf_context()->Reset();
  }
  ~StoreReads() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }
  StoreReads(const StoreReads&) = delete;
  StoreReads& operator=(const StoreReads&) = delete;

  std::uint64_t take() {
    auto& context = *rocksdb::get_perf_context();
    // A look for a key that is not there compares nothing in an empty memtable, but counts there.
    const std::uint64_t count = context.get_from_memtable_count + context.user_key_comparison_count +
                                context.block_read_count + context.block_cache_hit_count + context.get_read_bytes +
                                context.iter_read_bytes + context.seek_on_memtable_count;
    context.Reset();
    return count;
  }
};

TEST_P(TokenChecks, AKnownTokenIsCheckedWithoutAnyReadOfTheStoreUntilItsEndAndAfter) {
  const TestToken other = test_token(4);
  ASSERT_EQ(world.grant(a, {.tenant = "system", .parent = root.accessor, .all_tenants = true}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = b.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(other, {.tenant = "globex", .parent = root.accessor}), ErrorCode::ok);
  ASSERT_TRUE(world.views().flush());
  world.forget();
  StoreReads reads;
  ASSERT_TRUE(world.check(c).good());
  EXPECT_GE(reads.take(), 4U) << "the first time it and those it descends from are read: this counts";
  ASSERT_TRUE(world.check(other, "globex").good());
  EXPECT_GT(reads.take(), 0U);
  for (int round = 0; round < 1'000; ++round) {
    for (const auto* token : {&root, &a, &b, &c}) ASSERT_TRUE(world.check(*token).good());
    ASSERT_TRUE(world.check(other, "globex").good());
  }
  EXPECT_EQ(reads.take(), 0U);
  // A revocation has every chain walked again: in memory.
  ASSERT_EQ(world.revoke(other, "globex"), ErrorCode::ok);
  reads.take();
  ASSERT_TRUE(world.check(c).good());
  EXPECT_EQ(world.reason(other, "globex"), DenialReason::revoked);
  ASSERT_EQ(world.revoke_all("acme"), ErrorCode::ok);
  reads.take();
  EXPECT_EQ(world.reason(c), DenialReason::revoked);
  EXPECT_TRUE(world.check(a).good());
  EXPECT_EQ(reads.take(), 0U);
  EXPECT_EQ(world.reason(test_token(99)), DenialReason::unknown);
  EXPECT_GT(reads.take(), 0U) << "one that nobody granted is looked for";
}

// The invariant of token_checker.h: every check that begins after the position was seen. Little room in memory, so that
// tokens are read from the views again while they are being revoked.
TEST(TokenRace, NoneOfAMillionChecksTakesATokenWhoseRevocationWasAcknowledged) {
  constexpr std::size_t kTokens = 2'000;
  constexpr int kThreads = 4;
  constexpr int kChecks = 250'000;
  TokenWorld world(1, {.max_tokens = 700});
  const TestToken root = test_root();
  ASSERT_EQ(world.grant_root(root), ErrorCode::ok);
  std::vector<TestToken> parents;
  std::vector<TestToken> tokens;
  std::vector<schemas::LogRecord> grants;
  for (std::size_t at = 0; at < kTokens; ++at) {
    parents.push_back(test_token(10'000 + at));
    tokens.push_back(test_token(20'000 + at));
    grants.push_back(world.record(world.grant_event(parents[at], {.parent = root.accessor})));
    grants.push_back(world.record(world.grant_event(tokens[at], {.parent = parents[at].accessor})));
  }
  world.apply(0, grants);

  // One record each from here on: every other token is revoked by itself, the rest with their parents. A gateway
  // answers when it sees the position passed, so whoever sees it goes by that.
  const auto& view = world.views().partition(0);
  const std::int64_t first = view.next_offset();
  const auto acknowledged = [&] { return static_cast<std::size_t>(view.next_offset() - first); };
  std::atomic<int> running{kThreads};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> wrong{0};
  const std::int64_t now = world.now;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::minstd_rand random(static_cast<unsigned>(thread) + 1);
      for (int i = 0; i < kChecks; ++i) {
        const std::size_t before = acknowledged();
        // Near where revocations are now.
        const std::size_t at = (before + kTokens + random() % 40 - 20) % kTokens;
        const bool good = world.checker().check(tokens[at].text, "acme", now)->good();
        ++(good ? accepted : refused);
        if (good && at < before) ++wrong;
      }
      --running;
    });
  }
  std::size_t revoked = 0;
  for (; revoked < kTokens; ++revoked) {
    const auto& ended = revoked % 2 == 0 ? tokens[revoked] : parents[revoked];
    const auto record = world.record(world.revoke_event(ended));
    world.apply(0, std::span(&record, 1));
    // So that the whole of it is raced, however fast either side is.
    while (running > 0 && accepted + refused < revoked * (kThreads * static_cast<std::uint64_t>(kChecks) / kTokens)) {
      std::this_thread::yield();
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(accepted, 1'000U);
  EXPECT_GT(refused, 1'000U);
  EXPECT_EQ(accepted + refused, static_cast<std::uint64_t>(kThreads) * kChecks);
}

}  // namespace
}  // namespace solo::testing
