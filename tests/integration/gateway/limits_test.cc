// What the gateway takes at once, and clients that take more than they should.
#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Wait;

std::string numbered(const char* prefix, int number) { return prefix + std::to_string(number); }

TEST(GatewayLimits, AConnectionOverItsShareIsRefusedAndOthersAreServed) {
  producers::GatewayOptions options;
  options.max_in_flight_per_connection = 10;
  World world(options);
  Peer greedy(world.endpoint());
  Peer modest(world.endpoint());
  world.log().hold();
  for (int i = 0; i < 11; ++i) greedy.send(deploy(numbered("l-", i), numbered("s", i)));
  const v1::ReplyT refused = greedy.reply();
  EXPECT_EQ(refused.id, "l-10");
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted);
  EXPECT_TRUE(refused.error->retryable);
  EXPECT_TRUE(greedy.ask(health()).ok);
  EXPECT_TRUE(modest.ask(list()).ok);
  world.log().release();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(greedy.reply().ok);
  EXPECT_TRUE(greedy.ask(deploy("l-10", "s10")).ok);
}

TEST(GatewayLimits, AllConnectionsTogetherHaveALimit) {
  producers::GatewayOptions options;
  options.max_in_flight = 4;
  World world(options);
  Peer first(world.endpoint());
  Peer second(world.endpoint());
  world.log().hold();
  for (int i = 0; i < 4; ++i) first.send(deploy(numbered("l-", i), numbered("s", i)));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 4; }));
  EXPECT_EQ(code_of(second.ask(deploy("l-4", "s4"))), ErrorCode::resource_exhausted);
  world.log().release();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(first.reply().ok);
}

TEST(GatewayLimits, ARequestOverOneMebibyteIsRefusedAndTheConnectionLives) {
  World world;
  Peer peer(world.endpoint());
  for (const char* header : {"solo/1 json", "solo/1 flatbuffers"}) {
    peer.send(Frames{header, std::string(schemas::kMaxRequestBytes + 1, ' ')});
    EXPECT_EQ(code_of(peer.reply()), ErrorCode::resource_exhausted);
  }
  EXPECT_TRUE(peer.ask(health()).ok);
}

TEST(GatewayLimits, ASpecWhoseEventWouldBeTooLongIsRefused) {
  World world;
  Peer peer(world.endpoint());
  v1::RequestT request = deploy("l-1", "web");
  v1::SpecT& spec = *request.body.AsDeploy()->spec;
  spec.format = v1::Format::script;
  spec.argv.clear();
  spec.code = "#!/bin/sh\n" + std::string(schemas::kMaxEventBytes, '#');
  const v1::ReplyT reply = peer.ask(request);
  EXPECT_EQ(code_of(reply), ErrorCode::invalid_argument) << reply.error->message;
  EXPECT_EQ(world.log().records().size(), 3U);
}

TEST(GatewayLimits, AFrameOverSixteenMebibytesCostsOnlyItsOwnConnection) {
  World world;
  Peer hostile(world.endpoint());
  Peer other(world.endpoint());
  hostile.send(Frames{"solo/1 json", std::string(17 * 1024 * 1024, ' ')});
  EXPECT_TRUE(other.ask(health()).ok);
}

TEST(GatewayLimits, AClientThatDoesNotReadIsNotHeardEitherLosesNothingAndHoldsUpNobody) {
  // Far more replies than its queue and the kernel's hold.
  constexpr std::uint64_t kRequests = 30'000;
  World world;
  Peer deaf(world.endpoint());
  deaf.socket().set(zmq::sockopt::rcvhwm, 1);
  Peer other(world.endpoint());
  ASSERT_TRUE(other.ask(deploy("l-1", "web")).ok);
  for (std::uint64_t i = 0; i < kRequests; ++i) deaf.send(list());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(other.ask(status("web")).ok);
  EXPECT_LT(world.gateway().counters().received, kRequests);
  for (std::uint64_t i = 0; i < kRequests; ++i) ASSERT_TRUE(deaf.reply().ok);
  EXPECT_EQ(world.gateway().counters().dropped, 0U);
}

TEST(GatewayLimits, AThousandRepliesWaitForAClientThatReadsLate) {
  World world;
  Peer late(world.endpoint());
  for (int i = 0; i < 1000; ++i) late.send(deploy(numbered("l-", i), numbered("s", i), Wait::accepted));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().answered == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(late.reply().ok);
  EXPECT_EQ(world.gateway().counters().dropped, 0U);
}

TEST(GatewayLimits, AClientThatIsGoneLeavesNothingBehind) {
  World world;
  world.log().hold();
  {
    Peer peer(world.endpoint());
    peer.send(deploy("l-1", "web"));
    ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 1; }));
  }
  world.log().release();
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 0; }));
  Peer again(world.endpoint());
  EXPECT_TRUE(again.ask(deploy("l-1", "web")).duplicate);
}

}  // namespace
}  // namespace solo::testing
