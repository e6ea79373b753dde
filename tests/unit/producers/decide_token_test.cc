// What a token's holder may make and end.
#include <gtest/gtest.h>

#include "producers/authorize.h"
#include "producers/decide.h"
#include "projections/token_checker.h"
#include "projections/token_rules.h"
#include "tests/support/tokens.h"

namespace solo::producers {
namespace {

using projections::Capability;
using schemas::ErrorCode;
using testing::test_token;
using v1::Permission;

constexpr std::int64_t kNow = 1'700'000'000'000'000;

Capability capability_of(const std::vector<Permission>& permissions) {
  Capability capability;
  const auto token = test_token(7);
  std::copy_n(token.accessor.begin(), token.accessor.size(), capability.accessor_text.begin());
  capability.tenant = "acme";
  capability.permissions = projections::permission_set(permissions);
  capability.services = "web-*";
  capability.expires_at = kNow + 10'000'000;
  return capability;
}

Capability root() {
  Capability capability = capability_of({Permission::admin});
  capability.tenant = "system";
  capability.all_tenants = true;
  capability.services = "*";
  capability.expires_at = 0;
  return capability;
}

v1::RequestT grant_request(v1::TokenGrantT grant = {}) {
  v1::RequestT request;
  request.id = "g-1";
  request.tenant = "acme";
  if (grant.hash.empty()) grant.hash = test_token(1).hex;
  if (grant.permissions.empty()) grant.permissions = {Permission::read};
  request.body.Set(std::move(grant));
  return request;
}

constexpr projections::TokenKinship kStranger{.known = true};
constexpr projections::TokenKinship kOwn{.known = true, .descends = true};
constexpr projections::TokenKinship kAbove{.known = true, .is_above = true};
constexpr projections::TokenKinship kOperators{.known = true, .all_tenants = true};

schemas::Result<v1::EventT> decide_with(const v1::RequestT& request, const Capability& capability,
                                        const projections::TokenKinship& kinship = kStranger) {
  DecideContext context;
  context.wall_us = kNow;
  context.actor = capability.accessor();
  context.capability = &capability;
  context.kinship = kinship;
  auto event = decide(request, context);
  if (const auto within = refuse_beyond_rights(request, context); event && !within)
    return schemas::fail(within.error());
  return event;
}

/// It was refused with these words in the message.
::testing::AssertionResult denied(const schemas::Result<v1::EventT>& decided, const std::string& words,
                                  ErrorCode code = ErrorCode::permission_denied) {
  if (decided) return ::testing::AssertionFailure() << "it was not refused";
  if (decided.error().code != code) return ::testing::AssertionFailure() << to_string(decided.error().code);
  if (decided.error().message.find(words) == std::string::npos) {
    return ::testing::AssertionFailure() << decided.error().message;
  }
  return ::testing::AssertionSuccess();
}

TEST(DecideToken, AGrantBecomesAnEventInItsTenantMadeByTheGranter) {
  v1::TokenGrantT grant;
  grant.services = "web-1";
  grant.ttl_ms = 5000;
  grant.note = "ci";
  const auto event = decide_with(grant_request(grant), capability_of({Permission::grant, Permission::read}));
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->tenant, "acme");
  EXPECT_EQ(event->source, "/commands/acme");
  EXPECT_EQ(event->service, "");
  EXPECT_EQ(event->actor, test_token(7).accessor);
  const auto* granted = event->payload.AsCapabilityGranted();
  ASSERT_NE(granted, nullptr);
  EXPECT_EQ(granted->hash, test_token(1).hex);
  EXPECT_EQ(granted->services, "web-1");
  EXPECT_EQ(granted->ttl_ms, 5000U);
  EXPECT_EQ(granted->note, "ci");
  EXPECT_FALSE(granted->all_tenants);
  EXPECT_FALSE(granted->root);
  EXPECT_EQ(token_of(*event), test_token(1).accessor);
}

TEST(DecideToken, AChildMayNotBeWiderThanItsParentAndTheAnswerNamesWhatIs) {
  const Capability granter = capability_of({Permission::grant, Permission::read});
  v1::TokenGrantT grant;
  grant.permissions = {Permission::read, Permission::kill};
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "kill"));
  grant.permissions = {Permission::admin};
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "admin"));
  grant.permissions = {Permission::read};
  grant.services = "db";
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "services db"));
  grant.services = "*";
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "services *"));
  grant.services = "web-1*";
  EXPECT_TRUE(decide_with(grant_request(grant), granter));
  grant.ttl_ms = 10'001;
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "10 s"));
  grant.ttl_ms = 10'000;
  EXPECT_TRUE(decide_with(grant_request(grant), granter));
  grant.tenant = "*";
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "every tenant"));
  grant.tenant = "globex";
  EXPECT_TRUE(denied(decide_with(grant_request(grant), granter), "globex", ErrorCode::invalid_argument));
}

TEST(DecideToken, ATimeLeftOutIsWhatTheParentHasLeftOrThirtyDays) {
  const auto from_child = decide_with(grant_request(), capability_of({Permission::grant, Permission::read}));
  ASSERT_TRUE(from_child);
  EXPECT_EQ(from_child->payload.AsCapabilityGranted()->ttl_ms, 0U);
  const auto from_root = decide_with(grant_request(), root());
  ASSERT_TRUE(from_root);
  EXPECT_EQ(from_root->payload.AsCapabilityGranted()->ttl_ms, 30ULL * 24 * 3600 * 1000);
  v1::TokenGrantT grant;
  grant.ttl_ms = 366ULL * 24 * 3600 * 1000;
  EXPECT_TRUE(decide_with(grant_request(grant), root()));
  ++grant.ttl_ms;
  EXPECT_TRUE(denied(decide_with(grant_request(grant), root()), "366 days", ErrorCode::invalid_argument));
}

TEST(DecideToken, ANoteThatHoldsATokenIsRefused) {
  v1::TokenGrantT grant;
  grant.note = "for ci: " + test_token(2).text;
  EXPECT_TRUE(denied(decide_with(grant_request(grant), root()), "note holds a token", ErrorCode::invalid_argument));
  grant.note = "for ci: " + test_token(2).accessor;
  EXPECT_TRUE(decide_with(grant_request(grant), root()));
}

TEST(DecideToken, ATokenForEveryTenantIsMadeInTenantSystem) {
  v1::TokenGrantT grant;
  grant.tenant = "*";
  auto request = grant_request(grant);
  EXPECT_TRUE(denied(decide_with(request, root()), "system", ErrorCode::invalid_argument));
  request.tenant = "system";
  const auto event = decide_with(request, root());
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->tenant, "system");
  EXPECT_TRUE(event->payload.AsCapabilityGranted()->all_tenants);
}

TEST(DecideToken, ANinthGenerationIsRefused) {
  Capability granter = root();
  granter.depth = 7;
  EXPECT_TRUE(decide_with(grant_request(), granter));
  granter.depth = 8;
  EXPECT_TRUE(denied(decide_with(grant_request(), granter), "8", ErrorCode::failed_precondition));
}

v1::RequestT revoke_request(const std::string& accessor, bool all = false) {
  v1::RequestT request;
  request.id = "r-1";
  request.tenant = "acme";
  v1::TokenRevokeT revoke;
  revoke.accessor = accessor;
  revoke.all = all;
  request.body.Set(std::move(revoke));
  return request;
}

TEST(DecideToken, OnesOwnMayBeRevokedAndOthersOnlyByAdmins) {
  const Capability revoker = capability_of({Permission::revoke});
  const auto request = revoke_request(test_token(1).accessor);
  EXPECT_TRUE(denied(decide_with(request, revoker), "admin"));
  const auto event = decide_with(request, revoker, kOwn);
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->payload.AsCapabilityRevoked()->accessor, test_token(1).accessor);
  EXPECT_TRUE(decide_with(request, root()));
  EXPECT_TRUE(denied(decide_with(revoke_request("", true), revoker), "admin"));
  const auto all = decide_with(revoke_request("", true), root());
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->payload.AsCapabilityRevoked()->all);
}

TEST(DecideToken, AnAdminForSomeServicesEndsItsOwnAlone) {
  Capability admin = capability_of({Permission::admin});
  const auto one = revoke_request(test_token(1).accessor);
  EXPECT_TRUE(denied(decide_with(one, admin), "is for services web-*"));
  EXPECT_TRUE(decide_with(one, admin, kOwn));
  EXPECT_TRUE(denied(decide_with(revoke_request("", true), admin), "is for services web-*"));
  admin.services = "*";
  EXPECT_TRUE(decide_with(one, admin));
  EXPECT_TRUE(decide_with(revoke_request("", true), admin));
}

TEST(DecideToken, NobodyEndsWhatItDescendsFrom) {
  Capability admin = root();
  EXPECT_TRUE(denied(decide_with(revoke_request(test_token(1).accessor), admin, kAbove),
                     "descends from " + test_token(1).accessor));
  EXPECT_TRUE(denied(decide_with(revoke_request("", true), admin, kAbove), "descends from one of them"));
}

TEST(DecideToken, TokensForEveryTenantAreEndedByThoseAlone) {
  Capability admin = root();
  admin.all_tenants = false;
  auto one = revoke_request(test_token(1).accessor);
  one.tenant = "system";
  EXPECT_TRUE(denied(decide_with(one, admin, kOperators), "every tenant"));
  EXPECT_TRUE(denied(decide_with(one, admin, {}), "no token", ErrorCode::not_found)) << "who knows for whom it is";
  EXPECT_TRUE(decide_with(one, admin, kStranger));
  EXPECT_TRUE(decide_with(one, root(), kOperators));
  auto all = revoke_request("", true);
  all.tenant = "system";
  EXPECT_TRUE(denied(decide_with(all, admin), "every tenant"));
  EXPECT_TRUE(decide_with(all, root()));
}

TEST(DecideToken, OthersTokensAreLookedAtByWhoIsForAllServices) {
  Capability granter = capability_of({Permission::grant});
  const std::string accessor = test_token(1).accessor;
  EXPECT_TRUE(refuse_look(accessor, kOwn, granter));
  EXPECT_NE(refuse_look(accessor, kStranger, granter).error().message.find("web-*"), std::string::npos);
  granter.services = "*";
  EXPECT_TRUE(refuse_look(accessor, kStranger, granter));
  EXPECT_NE(refuse_look(accessor, kOperators, granter).error().message.find("every tenant"), std::string::npos);
  EXPECT_TRUE(refuse_look(accessor, kOperators, root()));
}

TEST(DecideToken, ARevocationNamesOneOrAllAndNotNothing) {
  EXPECT_TRUE(denied(decide_with(revoke_request(""), root()), "all", ErrorCode::invalid_argument));
  EXPECT_TRUE(
      denied(decide_with(revoke_request(test_token(1).accessor, true), root()), "all", ErrorCode::invalid_argument));
  EXPECT_TRUE(denied(decide_with(revoke_request("acc_nonsense"), root()), "accessor", ErrorCode::invalid_argument));
}

TEST(DecideToken, WhatTheViewsKnowIsRefusedInAppliesWords) {
  const auto event = decide_with(grant_request(), root());
  v1::TokenRecordT record;
  record.tenant = "acme";
  EXPECT_TRUE(refuse_token_early(*event, std::nullopt));
  EXPECT_EQ(refuse_token_early(*event, record).error().code, ErrorCode::already_exists);
  const auto revoked = decide_with(revoke_request(test_token(1).accessor), root());
  EXPECT_EQ(refuse_token_early(*revoked, std::nullopt).error().code, ErrorCode::not_found);
  EXPECT_TRUE(refuse_token_early(*revoked, record));
  record.tenant = "globex";
  EXPECT_EQ(refuse_token_early(*revoked, record).error().code, ErrorCode::not_found);
}

TEST(Authorize, EveryCommandNeedsItsPermission) {
  const std::vector<std::pair<v1::Command, Permission>> needs = {
      {v1::Command::Deploy, Permission::deploy},    {v1::Command::Kill, Permission::kill},
      {v1::Command::Restart, Permission::kill},     {v1::Command::Status, Permission::read},
      {v1::Command::List, Permission::read},        {v1::Command::Logs, Permission::logs},
      {v1::Command::Recovery, Permission::read},    {v1::Command::Verify, Permission::verify},
      {v1::Command::Inventory, Permission::read},   {v1::Command::Repair, Permission::verify},
      {v1::Command::Publish, Permission::publish},  {v1::Command::Audit, Permission::audit},
      {v1::Command::TokenGrant, Permission::grant}, {v1::Command::TokenRevoke, Permission::revoke}};
  for (const auto& [command, permission] : needs) EXPECT_EQ(permission_for(command), permission);
  EXPECT_EQ(permission_for(v1::Command::Health), Permission::unspecified);
}

v1::RequestT status_of(const std::string& service, const std::string& tenant = "acme") {
  v1::RequestT request;
  request.id = "s-1";
  request.tenant = tenant;
  v1::StatusT status;
  status.service = service;
  request.body.Set(std::move(status));
  return request;
}

TEST(Authorize, WhatATokenMayNotDoIsNamed) {
  const Capability reader = capability_of({Permission::read});
  EXPECT_FALSE(refuse_unpermitted(status_of("web-1"), reader));
  const auto service = refuse_unpermitted(status_of("db"), reader);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->reason, v1::DenialReason::service);
  EXPECT_NE(service->error.message.find("web-*"), std::string::npos);
  const auto tenant = refuse_unpermitted(status_of("web-1", "globex"), reader);
  ASSERT_TRUE(tenant);
  EXPECT_EQ(tenant->reason, v1::DenialReason::tenant);
  EXPECT_EQ(tenant->error.code, ErrorCode::permission_denied);
  const auto permission = refuse_unpermitted(status_of("web-1"), capability_of({Permission::deploy}));
  ASSERT_TRUE(permission);
  EXPECT_EQ(permission->reason, v1::DenialReason::permission);
  EXPECT_NE(permission->error.message.find("permission read"), std::string::npos) << permission->error.message;
  v1::RequestT everyone;
  everyone.tenant = "*";
  everyone.body.Set(v1::ListT());
  EXPECT_EQ(refuse_unpermitted(everyone, reader)->reason, v1::DenialReason::tenant);
  EXPECT_FALSE(refuse_unpermitted(everyone, root()));
}

TEST(Authorize, WhatCannotBeCutToSomeServicesNeedsATokenForAll) {
  v1::RequestT request;
  request.tenant = "acme";
  request.body.Set(v1::AuditT());
  Capability auditor = capability_of({Permission::audit});
  const auto denial = refuse_unpermitted(request, auditor);
  ASSERT_TRUE(denial);
  EXPECT_EQ(denial->reason, v1::DenialReason::service);
  auditor.services = "*";
  EXPECT_FALSE(refuse_unpermitted(request, auditor));
}

TEST(Authorize, TokensAreListedByWhoGrantsOrRevokes) {
  v1::RequestT list;
  list.tenant = "acme";
  list.body.Set(v1::TokenListT());
  EXPECT_FALSE(refuse_unpermitted(list, capability_of({Permission::grant})));
  EXPECT_FALSE(refuse_unpermitted(list, capability_of({Permission::revoke})));
  const auto denial = refuse_unpermitted(list, capability_of({Permission::read}));
  ASSERT_TRUE(denial);
  EXPECT_NE(denial->error.message.find("grant or revoke"), std::string::npos);
}

}  // namespace
}  // namespace solo::producers
