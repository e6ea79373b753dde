// Connections that are too many, too slow or never make sense: they cost little and hold up nobody.
#include <gtest/gtest.h>

#include <deque>

#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/raw_connection.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

TEST(GatewayConnections, ThoseOverTheLimitWaitAndAreServedWhenOneGoes) {
  producers::GatewayOptions options;
  options.max_connections = 3;
  World world(options);
  Peer first(world.endpoint());
  Peer second(world.endpoint());
  auto third = std::make_unique<Peer>(world.endpoint());
  for (Peer* peer : {&first, &second, third.get()}) ASSERT_TRUE(peer->ask(health()).ok);
  Peer fourth(world.endpoint());
  fourth.send(health());
  EXPECT_FALSE(fourth.receive(std::chrono::milliseconds(100)));
  EXPECT_EQ(world.gateway().counters().connections, 3U);
  EXPECT_TRUE(first.ask(health()).ok) << "those inside are served";
  third.reset();
  EXPECT_TRUE(fourth.reply().ok);
}

TEST(GatewayConnections, HalfOpenOnesAreFewAndGiveWay) {
  producers::GatewayOptions options;
  options.max_half_open = 8;
  World world(options);
  std::deque<RawConnection> idle;
  for (int i = 0; i < 40; ++i) idle.emplace_back(world.socket_path());
  Peer peer(world.endpoint());
  EXPECT_TRUE(peer.ask(health()).ok);
  EXPECT_LE(world.gateway().counters().half_open, 8U);
  EXPECT_TRUE(idle.front().closed());
}

TEST(GatewayConnections, AHandshakeThatTakesTooLongIsEnded) {
  producers::GatewayOptions options;
  options.handshake_timeout = std::chrono::milliseconds(500);
  World world(options);
  RawConnection silent(world.socket_path());
  RawConnection halfway(world.socket_path());
  // A test that was held up finds it closed already.
  (void)halfway.send(RawConnection::greeting().substr(0, 70));
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(halfway.closed());
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().connections == 0; }));
}

TEST(GatewayConnections, AMessageWithoutEndCostsItsConnection) {
  World world;
  RawConnection endless(world.socket_path());
  ASSERT_TRUE(endless.send(RawConnection::greeting()));
  std::string frames;
  for (int i = 0; i < 4096; ++i) frames.append("\1\0", 2);
  std::size_t sent = 0;
  while (sent < std::size_t{64} * 1024 * 1024 && endless.send(frames)) sent += frames.size();
  EXPECT_LT(sent, std::size_t{20} * 1024 * 1024);
  Peer peer(world.endpoint());
  EXPECT_TRUE(peer.ask(health()).ok);
}

TEST(GatewayConnections, WhatIsNotZeroMqIsClosed) {
  World world;
  RawConnection http(world.socket_path());
  ASSERT_TRUE(http.send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(http.closed());
  RawConnection odd(world.socket_path());
  ASSERT_TRUE(odd.send(RawConnection::greeting() + std::string("\xf0\1x", 3)));
  EXPECT_TRUE(odd.closed());
}

TEST(GatewayConnections, ARequestSentInSinglePiecesIsOne) {
  World world;
  RawConnection slow(world.socket_path());
  const std::string body = Peer::encoded(list()).back();
  ASSERT_LT(body.size(), 256U);
  const std::string bytes = RawConnection::greeting() + std::string("\1\x12solo/1 flatbuffers", 20) + '\0' +
                            static_cast<char>(body.size()) + body;
  for (const char byte : bytes) ASSERT_TRUE(slow.send(std::string_view(&byte, 1)));
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().answered == 1; }));
  EXPECT_EQ(world.gateway().counters().malformed, 0U);
}

}  // namespace
}  // namespace solo::testing
