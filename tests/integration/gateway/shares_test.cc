// Whose requests take whose room: a tenant's load is its own, a stranger's is nobody's, and an operator gets through.
#include <gtest/gtest.h>

#include <optional>

#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/token_requests.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Permission;

producers::GatewayOptions limited(std::size_t all, std::size_t tenant) {
  producers::GatewayOptions options;
  options.max_in_flight = all;
  options.max_in_flight_per_tenant = tenant;
  return options;
}

/// A read that the views never come to.
v1::RequestT parked(const TestToken& token, const std::string& tenant) {
  v1::RequestT request = with(token, list(tenant));
  request.after = "0:999999999";
  return request;
}

class GatewayShares : public ::testing::Test {
 protected:
  void open(producers::GatewayOptions options) {
    world.emplace(options);
    peer.emplace(world->endpoint());
    ASSERT_TRUE(peer->ask(grant("g-a", a, {Permission::admin}, "acme")).ok);
    ASSERT_TRUE(peer->ask(grant("g-b", b, {Permission::admin}, "globex")).ok);
  }
  ::testing::AssertionResult in_flight(std::uint32_t wanted) {
    if (World::eventually([&] { return world->gateway().counters().commands_in_flight == wanted; }))
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << world->gateway().counters().commands_in_flight;
  }
  void send_many(Peer& from, const v1::RequestT& request, int times) {
    for (int i = 0; i < times; ++i) from.send(request);
  }

  std::optional<World> world;
  std::optional<Peer> peer;
  const TestToken a = test_token(1);
  const TestToken b = test_token(2);
  const TestToken unknown = test_token(99);
};

TEST_F(GatewayShares, ATenantOverItsShareIsRefusedAndOthersAreServed) {
  open(limited(100, 4));
  Peer crowd(world->endpoint());
  send_many(crowd, parked(a, "acme"), 4);
  ASSERT_TRUE(in_flight(4));
  const v1::ReplyT refused = peer->ask(with(a, list()));
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted);
  EXPECT_TRUE(refused.error->retryable);
  EXPECT_EQ(refused.error->message, "4 requests of this tenant wait for an answer, more are not taken");
  EXPECT_TRUE(peer->ask(with(b, list("globex"))).ok);
  EXPECT_TRUE(peer->ask(list()).ok) << "an operator's request about it counts for the operator";
}

TEST_F(GatewayShares, TenantsThatFillAllTheRoomThereIsForThemDoNotKeepOutWhoRevokesTheirTokens) {
  open(limited(20, 10));
  Peer first(world->endpoint());
  Peer second(world->endpoint());
  send_many(first, parked(a, "acme"), 10);
  send_many(second, parked(b, "globex"), 8);
  ASSERT_TRUE(in_flight(18));
  const v1::ReplyT refused = peer->ask(with(b, list("globex")));
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted) << "though it has not used up its share";
  EXPECT_TRUE(peer->ask(list("*")).ok);
  ASSERT_TRUE(peer->ask(revoke("r-1", a)).ok);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(code_of(first.reply()), ErrorCode::unauthenticated);
  EXPECT_TRUE(in_flight(8)) << "and what the other has asked waits on";
  EXPECT_TRUE(peer->ask(with(b, list("globex"))).ok);
}

TEST_F(GatewayShares, AnOperatorsTokenHasAShareOfItsOwnAndAnotherAnother) {
  open(limited(100, 4));
  const TestToken other = test_token(3);
  v1::RequestT request = grant("g-o", other, {Permission::read}, "system");
  request.body.AsTokenGrant()->tenant = "*";
  ASSERT_TRUE(peer->ask(request).ok);
  Peer crowd(world->endpoint());
  send_many(crowd, parked(other, "acme"), 4);
  ASSERT_TRUE(in_flight(4));
  const v1::ReplyT refused = peer->ask(with(other, list("globex")));
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted);
  EXPECT_EQ(refused.error->message, "4 requests of this token wait for an answer, more are not taken");
  EXPECT_TRUE(peer->ask(list()).ok);
  EXPECT_TRUE(peer->ask(with(a, list())).ok);
}

TEST_F(GatewayShares, AStrangerDoesNotHearHowMuchATenantHasUnderWay) {
  open(limited(100, 4));
  Peer crowd(world->endpoint());
  send_many(crowd, parked(a, "acme"), 4);
  ASSERT_TRUE(in_flight(4));
  EXPECT_EQ(code_of(peer->ask(with(unknown, list()))), ErrorCode::unauthenticated);
  EXPECT_EQ(code_of(peer->ask(with(b, list()))), ErrorCode::permission_denied);
}

TEST_F(GatewayShares, WhatIsNotJudgedYetTakesNoTenantsRoomAndHalfOfAllAtMost) {
  open(limited(20, 4));
  world->hold_views();
  // Something that the views do not have when the next gateway starts.
  world->log().put(0, "acme", "garbage");
  producers::GatewayOptions options = limited(20, 4);
  options.max_in_flight_per_connection = 6;
  world->restart_gateway(options);
  Peer first(world->endpoint());
  Peer second(world->endpoint());
  Peer third(world->endpoint());
  send_many(first, with(unknown, list()), 7);
  EXPECT_EQ(code_of(first.reply()), ErrorCode::resource_exhausted) << "one more than a connection may have";
  send_many(second, with(a, list()), 4);
  ASSERT_TRUE(in_flight(10));
  const v1::ReplyT refused = third.ask(with(b, list("globex")));
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted);
  EXPECT_EQ(refused.error->message, "10 requests that are not judged yet wait for an answer, more are not taken");
  EXPECT_TRUE(refused.error->retryable);
  world->resume_views();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(code_of(first.reply()), ErrorCode::unauthenticated);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(second.reply().ok);
}

TEST_F(GatewayShares, ARequestThatWaitedToBeJudgedIsHeldAgainstALaterRevocationToo) {
  open(limited(20, 4));
  world->hold_views();
  world->log().put(0, "acme", "garbage");
  world->restart_gateway();
  Peer early(world->endpoint());
  early.send(parked(a, "acme"));
  ASSERT_TRUE(in_flight(1));
  world->resume_views();
  // Judged by now, and waiting on; nothing else has come that would have had the gateway look.
  world->wait_applied();
  Peer later(world->endpoint());
  ASSERT_TRUE(later.ask(revoke("r-1", a)).ok);
  EXPECT_EQ(code_of(early.reply()), ErrorCode::unauthenticated);
}

TEST_F(GatewayShares, NobodyWaitsLongerThanAnHour) {
  open(limited(20, 4));
  v1::RequestT request = with(a, list());
  request.timeout_ms = 3'600'001;
  const v1::ReplyT refused = peer->ask(request);
  EXPECT_EQ(code_of(refused), ErrorCode::invalid_argument);
  EXPECT_NE(refused.error->hint.find("3600000"), std::string::npos) << refused.error->hint;
  request.timeout_ms = 3'600'000;
  EXPECT_TRUE(peer->ask(request).ok);
}

}  // namespace
}  // namespace solo::testing
