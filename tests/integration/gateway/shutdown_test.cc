// Stopping: everything that was received is answered, and answered truly.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/raw_connection.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Wait;

std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::string frame(std::string_view content, bool more) {
  EXPECT_LT(content.size(), 256U);
  return std::string(1, more ? '\1' : '\0') + static_cast<char>(content.size()) + std::string(content);
}

/// Of a message, or a command.
std::string next_frame(RawConnection& connection) {
  constexpr unsigned kLong = 2;
  const std::string flags = connection.receive(1);
  if (flags.empty()) return {};
  const std::string digits = connection.receive((static_cast<unsigned char>(flags[0]) & kLong) != 0 ? 8 : 1);
  std::size_t size = 0;
  for (const char digit : digits) size = size << 8 | static_cast<unsigned char>(digit);
  return connection.receive(size);
}

class GatewayShutdown : public ::testing::Test {
 protected:
  static producers::GatewayOptions quick() {
    producers::GatewayOptions options;
    options.effect_grace = std::chrono::milliseconds(50);
    return options;
  }
  bool in_flight(std::uint32_t count) {
    return World::eventually([&] { return world.gateway().counters().commands_in_flight == count; });
  }

  World world{quick()};
  Peer peer{world.endpoint()};
};

TEST_F(GatewayShutdown, NewCommandsAreTurnedAwayReadsGoOnAndHealthSaysStopping) {
  ASSERT_TRUE(peer.ask(deploy("d-1", "web")).ok);
  world.gateway().begin_shutdown("SIGTERM");
  const v1::ReplyT refused = peer.ask(deploy("d-2", "db"));
  EXPECT_EQ(code_of(refused), ErrorCode::unavailable);
  EXPECT_TRUE(refused.error->retryable);
  EXPECT_FALSE(refused.error->hint.empty());
  EXPECT_TRUE(peer.ask(status("web")).ok);
  const v1::ReplyT said = peer.ask(health());
  ASSERT_NE(said.body.AsHealthReport(), nullptr);
  EXPECT_EQ(said.body.AsHealthReport()->status, v1::HealthStatus::stopping);
  EXPECT_NE(said.body.AsHealthReport()->detail.find("SIGTERM"), std::string::npos);
}

TEST_F(GatewayShutdown, DrainWaitsForAppendsAndAnswersThem) {
  world.log().hold();
  peer.send(deploy("d-1", "web"));
  ASSERT_TRUE(in_flight(1));
  world.gateway().begin_shutdown("test");
  auto drained = std::async(std::launch::async, [&] { return world.gateway().drain(in(kPatience)); });
  EXPECT_EQ(drained.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  world.log().release();
  EXPECT_TRUE(drained.get());
  EXPECT_TRUE(peer.reply().ok);
}

TEST_F(GatewayShutdown, WhoWaitsForAnEffectIsToldThatItIsDurableAndPending) {
  peer.send(deploy("d-1", "web", Wait::done));
  ASSERT_TRUE(in_flight(1));
  world.gateway().begin_shutdown("test");
  EXPECT_TRUE(world.gateway().drain(in(kPatience)));
  const v1::ReplyT reply = peer.reply();
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_EQ(reply.position, "0:3");
}

TEST_F(GatewayShutdown, AtTheDeadlineTheRestIsAnsweredUnknown) {
  world.log().hold();
  peer.send(deploy("d-1", "web"));
  ASSERT_TRUE(in_flight(1));
  world.gateway().begin_shutdown("test");
  EXPECT_FALSE(world.gateway().drain(in(std::chrono::milliseconds(100))));
  const v1::ReplyT reply = peer.reply();
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_EQ(reply.position, "");
}

TEST_F(GatewayShutdown, EveryRequestInTheSocketIsAnsweredBeforeItCloses) {
  constexpr int kRequests = 400;
  // What a ZeroMQ client has sent may still be in its own queues: these are in the socket.
  RawConnection client(world.socket_path());
  ASSERT_TRUE(client.send(RawConnection::greeting()));
  client.receive(64);
  next_frame(client);
  std::string bytes;
  for (int i = 0; i < kRequests; ++i) {
    const auto frames = Peer::encoded(deploy("d-" + std::to_string(i), "s" + std::to_string(i), Wait::accepted));
    bytes += frame(frames.front(), true) + frame(frames.back(), false);
  }
  ASSERT_TRUE(client.send(bytes));
  world.gateway().begin_shutdown("test");
  EXPECT_TRUE(world.gateway().drain(in(kPatience)));
  world.gateway().stop();
  std::size_t durable = 0;
  for (int i = 0; i < kRequests; ++i) {
    next_frame(client);
    const auto reply = schemas::decode_reply(next_frame(client));
    ASSERT_TRUE(reply) << "after " << i << " answers";
    if (reply->ok) {
      ++durable;
    } else {
      EXPECT_EQ(code_of(*reply), ErrorCode::unavailable);
    }
  }
  EXPECT_EQ(world.log().records().size(), durable + 3) << "what was turned away is not in the log";
}

TEST_F(GatewayShutdown, StopWithoutDrainAnswersToo) {
  world.log().hold();
  peer.send(deploy("d-1", "web"));
  ASSERT_TRUE(in_flight(1));
  world.gateway().stop();
  EXPECT_EQ(code_of(peer.reply()), ErrorCode::deadline_exceeded);
  EXPECT_FALSE(std::filesystem::exists(world.socket_path()));
}

TEST_F(GatewayShutdown, DrainingAnIdleGatewayIsQuick) {
  world.gateway().begin_shutdown("test");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(world.gateway().drain(in(kPatience)));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace solo::testing
