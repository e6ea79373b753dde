// The same command again: by the same id it takes effect once.
#include <gtest/gtest.h>

#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Wait;

class GatewayRetry : public ::testing::Test {
 protected:
  World world;
  Peer peer{world.endpoint()};
};

TEST_F(GatewayRetry, ARetryGetsTheRecordedOutcomeAndPosition) {
  const v1::ReplyT first = peer.ask(deploy("r-1", "web"));
  const v1::ReplyT again = peer.ask(deploy("r-1", "web"));
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(world.log().records().size(), 4U);
}

TEST_F(GatewayRetry, ARetryIsAnsweredThoughTheServiceWasKilledSince) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web")).ok);
  ASSERT_TRUE(peer.ask(kill("r-2", "web")).ok);
  const v1::ReplyT again = peer.ask(deploy("r-1", "web"));
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, "0:3");
}

TEST_F(GatewayRetry, ARetryIsAnsweredThoughAnotherHasTakenItsPlaceSince) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web", Wait::applied)).ok);
  world.started("acme", "web", 1);
  v1::RequestT second = deploy("r-2", "web", Wait::applied);
  second.body.AsDeploy()->replace = true;
  ASSERT_TRUE(peer.ask(second).ok);
  world.started("acme", "web", 2);
  for (const Wait wait : {Wait::accepted, Wait::applied, Wait::done}) {
    const v1::ReplyT again = peer.ask(deploy("r-1", "web", wait));
    EXPECT_TRUE(again.ok) << again.error->message;
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.position, "0:3");
  }
}

TEST_F(GatewayRetry, ARetryOfARestartIsAnsweredThoughTheServiceWasKilledSince) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web", Wait::applied)).ok);
  world.started("acme", "web", 1);
  ASSERT_TRUE(peer.ask(restart("r-2", "web", Wait::applied)).ok);
  ASSERT_TRUE(peer.ask(kill("r-3", "web", Wait::applied)).ok);
  const v1::ReplyT again = peer.ask(restart("r-2", "web", Wait::done));
  EXPECT_TRUE(again.ok) << again.error->message;
  EXPECT_TRUE(again.duplicate);
}

TEST_F(GatewayRetry, ARejectionIsRecordedToo) {
  world.hold_views();
  peer.send(deploy("r-1", "web", Wait::accepted));
  peer.send(deploy("r-2", "web", Wait::applied));
  EXPECT_TRUE(peer.reply().ok);
  world.resume_views();
  EXPECT_EQ(code_of(peer.reply()), ErrorCode::already_exists);
  ASSERT_TRUE(peer.ask(kill("r-3", "web")).ok);
  const v1::ReplyT again = peer.ask(deploy("r-2", "web"));
  EXPECT_EQ(code_of(again), ErrorCode::already_exists);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, "0:4");
}

TEST_F(GatewayRetry, AnEarlyRefusalIsNotRecorded) {
  EXPECT_EQ(code_of(peer.ask(kill("r-1", "web"))), ErrorCode::not_found);
  ASSERT_TRUE(peer.ask(deploy("r-2", "web")).ok);
  const v1::ReplyT again = peer.ask(kill("r-1", "web"));
  EXPECT_TRUE(again.ok);
  EXPECT_FALSE(again.duplicate);
}

TEST_F(GatewayRetry, TheSameIdWithAnotherRequestIsRefused) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web")).ok);
  const v1::ReplyT other = peer.ask(deploy("r-1", "db"));
  EXPECT_EQ(code_of(other), ErrorCode::invalid_argument);
  EXPECT_FALSE(other.duplicate);
  EXPECT_EQ(code_of(peer.ask(kill("r-1", "web"))), ErrorCode::invalid_argument);
  // Another tenant's r-1 is another command.
  EXPECT_TRUE(peer.ask(deploy("r-1", "web", Wait::applied, "other")).ok);
}

TEST_F(GatewayRetry, WaitAndTimeoutAreNotPartOfTheRequest) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web", Wait::accepted)).ok);
  world.wait_applied();
  v1::RequestT again = deploy("r-1", "web", Wait::applied);
  again.timeout_ms = 7'777;
  EXPECT_TRUE(peer.ask(again).ok);
}

TEST_F(GatewayRetry, ARetryInFlightJoinsTheFirst) {
  Peer other(world.endpoint());
  world.log().hold();
  peer.send(deploy("r-1", "web"));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().appends_in_flight == 1; }));
  other.send(deploy("r-1", "web", Wait::accepted));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 2; }));
  EXPECT_EQ(code_of(other.ask(deploy("r-1", "db"))), ErrorCode::invalid_argument);
  EXPECT_EQ(world.gateway().counters().appends_in_flight, 1U);
  world.log().release();
  EXPECT_FALSE(peer.reply().duplicate);
  const v1::ReplyT joined = other.reply();
  EXPECT_TRUE(joined.ok);
  EXPECT_TRUE(joined.duplicate);
  EXPECT_EQ(joined.position, "0:3");
  EXPECT_EQ(world.log().records().size(), 4U);
}

TEST_F(GatewayRetry, AnAcceptedRetryOfADurableCommandIsAnsweredAtOnce) {
  world.hold_views();
  ASSERT_TRUE(peer.ask(deploy("r-1", "web", Wait::accepted)).ok);
  const v1::ReplyT again = peer.ask(deploy("r-1", "web", Wait::accepted));
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, "0:3");
  EXPECT_EQ(world.log().records().size(), 4U);
  world.resume_views();
}

TEST_F(GatewayRetry, ARetryWithDoneWaitsForTheEffectAnew) {
  ASSERT_TRUE(peer.ask(deploy("r-1", "web", Wait::applied)).ok);
  peer.send(deploy("r-1", "web", Wait::done));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 1; }));
  world.started("acme", "web", 1);
  const v1::ReplyT again = peer.reply();
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
}

TEST_F(GatewayRetry, CommandsOfATenantAreAppendedInTheOrderTheyCame) {
  constexpr int kCommands = 200;
  for (int i = 0; i < kCommands; ++i)
    peer.send(deploy("r-" + std::to_string(i), "s" + std::to_string(i), Wait::accepted));
  for (int i = 0; i < kCommands; ++i) {
    const v1::ReplyT reply = peer.reply();
    EXPECT_EQ(reply.position, "0:" + std::to_string(i + 3)) << reply.id;
    EXPECT_EQ(reply.id, "r-" + std::to_string(i));
  }
}

}  // namespace
}  // namespace solo::testing
