// What apply makes of grants, revocations and removals.
#include "projections/token_rules.h"

#include <gtest/gtest.h>

#include "tests/unit/projections/token_world.h"

namespace solo::testing {
namespace {

using projections::kMaxTokenDepth;
using schemas::ErrorCode;
using v1::Permission;

class TokenRules : public ::testing::Test {
 protected:
  std::optional<v1::TokenRecordT> find(const TestToken& token, const std::string& tenant = "acme") {
    return *world.views().partition(world.home(tenant)).token(token.accessor);
  }

  TokenWorld world{3};
  const TestToken a = test_token(1);
  const TestToken b = test_token(2);
  const TestToken c = test_token(3);
};

TEST_F(TokenRules, AGrantIsFoundByItsAccessorAsItWasGranted) {
  ASSERT_EQ(
      world.grant(a, {.permissions = {Permission::deploy, Permission::kill}, .services = "web-*", .ttl_ms = 5000}),
      ErrorCode::ok);
  const auto record = find(a);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->hash, a.hex);
  EXPECT_EQ(record->tenant, "acme");
  EXPECT_EQ(record->services, "web-*");
  EXPECT_EQ(record->permissions, (std::vector{Permission::deploy, Permission::kill}));
  EXPECT_EQ(record->granted_at, kBegin);
  EXPECT_EQ(record->expires_at, kBegin + 5 * kSecond);
  EXPECT_EQ(record->expired_by, kBegin + 5 * kSecond);
}

TEST_F(TokenRules, AKnownHashAgainIsRefusedEvenIfItIsRevoked) {
  ASSERT_EQ(world.grant(a), ErrorCode::ok);
  EXPECT_EQ(world.grant(a), ErrorCode::already_exists);
  ASSERT_EQ(world.revoke(a), ErrorCode::ok);
  EXPECT_EQ(world.grant(a), ErrorCode::already_exists);
  EXPECT_EQ(world.reason(a), v1::DenialReason::revoked);
}

TEST_F(TokenRules, WhatNoTokenCanBeIsRefused) {
  TestToken no_hash = a;
  no_hash.hex = "00";
  EXPECT_EQ(world.grant(no_hash), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.permissions = {}}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.permissions = {Permission::unspecified}}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.permissions = {static_cast<Permission>(77)}}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.services = "w*b"}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.ttl_ms = projections::kMaxTokenTtlMs + 1}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.parent = "alice"}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.all_tenants = true}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.tenant = "acme", .all_tenants = true, .root = true}), ErrorCode::invalid_argument);
  EXPECT_EQ(world.grant(a, {.tenant = "system", .parent = b.accessor, .all_tenants = true, .root = true}),
            ErrorCode::invalid_argument);
  EXPECT_FALSE(find(a));
  EXPECT_EQ(world.grant(a), ErrorCode::ok);
}

TEST_F(TokenRules, ATokenMadeFromNoneAndWithoutATimeLivesThirtyDays) {
  ASSERT_EQ(world.grant(a), ErrorCode::ok);
  EXPECT_EQ(find(a)->expires_at, kBegin + 30 * kDay);
}

TEST_F(TokenRules, ATokenHasExpiredByThenWhateverItsParentIsWorth) {
  ASSERT_EQ(world.grant(a, {.ttl_ms = 1000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  EXPECT_EQ(find(b)->expires_at, 0);
  EXPECT_EQ(find(b)->expired_by, kBegin + kSecond);
  // Its parent is of another partition: nothing is known of it there.
  ASSERT_EQ(world.grant(c, {.parent = test_root().accessor}), ErrorCode::ok);
  EXPECT_EQ(find(c)->expired_by, kBegin + 366 * kDay);
}

TEST_F(TokenRules, AChainOfOneTenantIsAtMostEightLong) {
  std::string parent;
  for (std::uint32_t depth = 0; depth <= kMaxTokenDepth; ++depth) {
    const TestToken next = test_token(100 + depth);
    ASSERT_EQ(world.grant(next, {.parent = parent}), ErrorCode::ok) << depth;
    EXPECT_EQ(find(next)->depth, depth);
    parent = next.accessor;
  }
  EXPECT_EQ(world.grant(a, {.parent = parent}), ErrorCode::failed_precondition);
}

TEST_F(TokenRules, WhoseTokenWasRevokedGivesNoMoreOrders) {
  ASSERT_EQ(world.grant(a, {.permissions = {Permission::admin}}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  EXPECT_EQ(world.deploy("web", b.accessor), ErrorCode::ok);
  ASSERT_EQ(world.revoke(a), ErrorCode::ok);
  EXPECT_EQ(world.deploy("web", a.accessor), ErrorCode::unauthenticated);
  EXPECT_EQ(world.deploy("web", b.accessor), ErrorCode::unauthenticated) << "it descends from the revoked one";
  EXPECT_EQ(world.grant(c, {.parent = a.accessor}), ErrorCode::unauthenticated);
  EXPECT_EQ(world.revoke_all("acme", b.accessor), ErrorCode::unauthenticated);
  EXPECT_EQ(world.deploy("web", test_root().accessor), ErrorCode::ok) << "one that is not of this partition";
  EXPECT_EQ(world.deploy("web", ""), ErrorCode::ok);
}

TEST_F(TokenRules, RevokingAllEndsWhatThereIsAndNothingThatComesAfter) {
  ASSERT_EQ(world.grant(a), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.tenant = "globex"}), ErrorCode::ok);
  ASSERT_EQ(world.revoke_all("acme"), ErrorCode::ok);
  ASSERT_EQ(world.grant(c), ErrorCode::ok);
  EXPECT_EQ(world.deploy("web", a.accessor), ErrorCode::unauthenticated);
  EXPECT_EQ(world.deploy("web", c.accessor), ErrorCode::ok);
  EXPECT_EQ(world.reason(a), v1::DenialReason::revoked);
  EXPECT_TRUE(world.check(b, "globex").good());
  EXPECT_TRUE(world.check(c).good());
}

TEST_F(TokenRules, ATokenIsRevokedWhereItIsAndNowhereElse) {
  ASSERT_EQ(world.grant(a), ErrorCode::ok);
  EXPECT_EQ(world.revoke(a, "globex"), ErrorCode::not_found);
  EXPECT_EQ(world.revoke(b), ErrorCode::not_found);
  EXPECT_TRUE(world.check(a).good());
  EXPECT_EQ(world.revoke(a), ErrorCode::ok);
  EXPECT_EQ(world.revoke(a), ErrorCode::ok) << "again is no harm";
}

TEST_F(TokenRules, ARevocationNamesOneTokenOrAllAndNotNothing) {
  v1::CapabilityRevokedT nothing;
  v1::PayloadUnion payload;
  payload.Set(std::move(nothing));
  EXPECT_EQ(world.apply(command_event("acme", {}, payload)), ErrorCode::invalid_argument);
  v1::CapabilityRevokedT both;
  both.accessor = a.accessor;
  both.all = true;
  payload.Set(std::move(both));
  EXPECT_EQ(world.apply(command_event("acme", {}, payload)), ErrorCode::invalid_argument);
}

TEST_F(TokenRules, WhatHadNotExpiredByThenStays) {
  ASSERT_EQ(world.grant(a, {.ttl_ms = 1000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.ttl_ms = 3000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.tenant = "globex", .ttl_ms = 1000}), ErrorCode::ok);
  world.now += 10 * kSecond;
  world.remove("acme", {a.hex, b.hex, c.hex, "nonsense"}, kBegin + 2 * kSecond);
  EXPECT_FALSE(find(a));
  EXPECT_TRUE(find(b));
  EXPECT_TRUE(find(c, "globex")) << "of another tenant";
  EXPECT_EQ(world.reason(a), v1::DenialReason::unknown);
}

TEST_F(TokenRules, AClockThatIsAheadOfTheLogRemovesNothing) {
  ASSERT_EQ(world.grant(a, {.ttl_ms = 1000}), ErrorCode::ok);
  world.remove("acme", {a.hex}, kBegin + kDay);
  EXPECT_TRUE(find(a));
  const auto letters = world.views().partition(world.home("acme")).dead_letters(0, 10);
  ASSERT_EQ(letters->size(), 1U);
}

TEST_F(TokenRules, OnlyThePartitionsOwnerRemoves) {
  ASSERT_EQ(world.grant(a, {.ttl_ms = 1000}), ErrorCode::ok);
  world.now += 10 * kSecond;
  v1::CapabilitiesRemovedT removed;
  removed.hashes = {a.hex};
  removed.expired_before = world.now;
  v1::PayloadUnion payload;
  payload.Set(std::move(removed));
  EXPECT_EQ(world.apply(command_event("acme", {}, payload)), ErrorCode::permission_denied);
  v1::EventT other = command_event("acme", "other-run-1", payload);
  other.source = "/nodes/node-2";
  world.apply(std::move(other));
  EXPECT_TRUE(find(a));
}

TEST_F(TokenRules, TheViewsListExpiredTokensEarliestFirst) {
  ASSERT_EQ(world.grant(a, {.ttl_ms = 2000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.ttl_ms = 1000}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.ttl_ms = 9000}), ErrorCode::ok);
  const auto& view = world.views().partition(world.home("acme"));
  const auto expired = view.expired_tokens(kBegin + 2 * kSecond, 10);
  ASSERT_TRUE(expired);
  ASSERT_EQ(expired->size(), 2U);
  EXPECT_EQ((*expired)[0].hash, b.hex);
  EXPECT_EQ((*expired)[1].hash, a.hex);
  EXPECT_EQ(view.expired_tokens(kBegin + 20 * kSecond, 1)->size(), 1U);
}

TEST_F(TokenRules, TheViewsListATenantsTokensAndThoseOfOneParent) {
  ASSERT_EQ(world.grant(a), ErrorCode::ok);
  ASSERT_EQ(world.grant(b, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(c, {.parent = a.accessor}), ErrorCode::ok);
  ASSERT_EQ(world.grant(test_token(9), {.tenant = "acme-2"}), ErrorCode::ok);
  const auto& view = world.views().partition(world.home("acme"));
  const auto list = [&](projections::TokenQuery query) {
    std::vector<std::string> accessors;
    query.limit = 1;
    do {
      const auto page = view.tokens(query);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) break;
      for (const auto& token : page->tokens)
        accessors.push_back(schemas::token_accessor(*schemas::parse_token_hash(token.hash)));
      query.from = page->next;
    } while (!query.from.empty());
    std::sort(accessors.begin(), accessors.end());
    return accessors;
  };
  const auto sorted = [](std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto acme = schemas::TenantName::trusted("acme");
  projections::TokenQuery query;
  query.tenant = acme;
  EXPECT_EQ(list(query), sorted({a.accessor, b.accessor, c.accessor}));
  query.parent = "";
  EXPECT_EQ(list(query), sorted({a.accessor}));
  query.parent = a.accessor;
  EXPECT_EQ(list(query), sorted({b.accessor, c.accessor}));
  query.from = "nonsense";
  EXPECT_FALSE(view.tokens(query));
}

TEST_F(TokenRules, TokensAndEpochsAreInTheDigest) {
  const auto digest = [&] { return world.views().partition(world.home("acme")).digest(); };
  const auto before = digest();
  ASSERT_EQ(world.grant(a, {.ttl_ms = 1000}), ErrorCode::ok);
  const auto granted = digest();
  EXPECT_FALSE(granted == before);
  world.now += 10 * kSecond;
  world.remove("acme", {a.hex}, world.now);
  EXPECT_TRUE(digest() == before);
  ASSERT_EQ(world.revoke_all("acme"), ErrorCode::ok);
  EXPECT_FALSE(digest() == before);
  EXPECT_TRUE(*world.views().partition(world.home("acme")).recompute_digest() == digest());
}

}  // namespace
}  // namespace solo::testing
