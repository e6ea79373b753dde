// The command plane over tcp: CURVE and nothing else, beside the Unix socket.
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <sstream>
#include <thread>

#include "producers/command_client.h"
#include "producers/curve_keys.h"
#include "producers/tcp_endpoint.h"
#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/raw_connection.h"
#include "tests/integration/gateway/world.h"
#include "tests/support/curve_client.h"

namespace solo::testing {
namespace {

using producers::ClientCurve;
using producers::CommandClient;
using producers::CurveKeyPair;
using producers::GatewayOptions;
using schemas::ErrorCode;

class GatewayTcp : public ::testing::Test {
 protected:
  /// tcp on loopback, one client allowed.
  GatewayOptions options() {
    GatewayOptions options;
    options.endpoints = {"tcp://127.0.0.1:0"};
    options.curve = producers::GatewayCurve{.server = server_, .clients = {allowed_.public_key}};
    return options;
  }
  static std::string tcp_of(World& world) { return world.gateway().endpoints().back(); }
  ClientCurve keys() const { return {server_.public_key, allowed_}; }
  schemas::Result<std::unique_ptr<CommandClient>> connect(World& world, const ClientCurve& curve) const {
    return CommandClient::connect({.endpoint = tcp_of(world), .curve = curve});
  }
  Peer peer(World& world) const { return Peer(tcp_of(world), zmq::socket_type::dealer, {}, keys()); }

  /// A connection by hand, up to the end of the handshake.
  void shake_hands(RawConnection& raw, CurveClient& client) {
    ASSERT_TRUE(raw.send(CurveClient::greeting() + client.hello()));
    ASSERT_EQ(raw.receive(64).size(), 64U);
    ASSERT_TRUE(client.welcome(raw.receive(2 + 168).substr(2)));
    ASSERT_TRUE(raw.send(client.initiate()));
    const std::string header = raw.receive(2);
    ASSERT_EQ(header.size(), 2U);
    ASSERT_EQ(raw.receive(static_cast<std::uint8_t>(header[1])).substr(1, 5), "READY");
  }
  static void send_request(RawConnection& raw, CurveClient& client, const v1::RequestT& request) {
    const Frames frames = Peer::encoded(request);
    ASSERT_TRUE(raw.send(client.message(frames[0], 1)));
    ASSERT_TRUE(raw.send(client.message(frames[1])));
  }

  producers::SystemEntropy entropy_;
  CurveKeyPair server_ = producers::make_curve_keys(entropy_);
  CurveKeyPair allowed_ = producers::make_curve_keys(entropy_);
};

TEST_F(GatewayTcp, TcpAndTheUnixSocketAreServedAtTheSameTime) {
  World world(options());
  ASSERT_EQ(world.gateway().endpoints().front(), world.endpoint());
  auto remote = connect(world, keys());
  ASSERT_TRUE(remote) << remote.error().message;
  auto local = CommandClient::connect({world.endpoint()});
  ASSERT_TRUE(local);
  const auto deployed = (*remote)->call(deploy("t-1", "web"));
  ASSERT_TRUE(deployed && deployed->ok);
  const auto seen = (*local)->call(status("web"));
  ASSERT_TRUE(seen && seen->ok);
  EXPECT_EQ(seen->body.AsServiceStatus()->generation, 1U);
}

TEST_F(GatewayTcp, IPv6IsServedBesideIPv4) {
  GatewayOptions both = options();
  both.endpoints.emplace_back("tcp://[::1]:0");
  World world(both);
  for (const std::string& endpoint : world.gateway().endpoints()) {
    if (!producers::is_tcp(endpoint)) continue;
    const auto client = CommandClient::connect({.endpoint = endpoint, .curve = keys()});
    EXPECT_TRUE(client) << endpoint << ": " << client.error().message;
  }
}

TEST_F(GatewayTcp, TcpWithoutCurveIsRefusedAtTheStart) {
  World world;
  StubHost host;
  StubHealth health;
  producers::SystemClock clock;
  GatewayOptions open = options();
  open.curve.reset();
  producers::Gateway gateway(open, world.log(), world.views(), world.tokens(), host, health, clock);
  const auto started = gateway.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(started.error().message.find("CURVE"), std::string::npos) << started.error().message;
}

TEST_F(GatewayTcp, AKeyThatIsNotAllowedIsToldSoAndCounted) {
  World world(options());
  const ClientCurve stranger{server_.public_key, producers::make_curve_keys(entropy_)};
  const auto client = connect(world, stranger);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::permission_denied) << client.error().message;
  EXPECT_NE(client.error().message.find(producers::to_z85(stranger.own.public_key)), std::string::npos);
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().keys_refused == 1; }));
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().connections == 0; }));
}

TEST_F(GatewayTcp, AnyKeyIsLetInWhereThatIsWanted) {
  GatewayOptions any = options();
  any.curve->any_client = true;
  World world(any);
  const auto client = connect(world, {server_.public_key, producers::make_curve_keys(entropy_)});
  EXPECT_TRUE(client) << client.error().message;
}

TEST_F(GatewayTcp, WhoHasTheWrongServersKeyIsNotServedAndIsHelped) {
  World world(options());
  const auto client = connect(world, {producers::make_curve_keys(entropy_).public_key, allowed_});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::unavailable);
  EXPECT_NE(client.error().message.find("during the handshake"), std::string::npos) << client.error().message;
  EXPECT_NE(client.error().hint.find("--server-key"), std::string::npos);
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().handshakes_failed == 1; }));
}

TEST_F(GatewayTcp, WhereNobodyListensTheClientSaysSoSoon) {
  std::string nowhere;
  {
    const auto socket = producers::listen_tcp("tcp://127.0.0.1:0", 1);
    ASSERT_TRUE(socket);
    nowhere = producers::local_tcp(socket->get());
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto client =
      CommandClient::connect({.endpoint = nowhere, .reach_timeout = std::chrono::seconds(10), .curve = keys()});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::unavailable);
  EXPECT_NE(client.error().message.find("nothing takes a connection"), std::string::npos) << client.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(CommandClient::connect({.endpoint = nowhere}).error().code, ErrorCode::invalid_argument)
      << "tcp without keys";
}

TEST_F(GatewayTcp, APlainZeroMqClientIsTurnedAway) {
  World world(options());
  RawConnection plain(tcp_of(world));
  ASSERT_TRUE(plain.send(RawConnection::greeting()));
  EXPECT_TRUE(plain.closed());
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().handshakes_failed == 1; }));
  EXPECT_EQ(world.gateway().counters().received, 0U);
}

TEST_F(GatewayTcp, AHandshakeByDropsIsEndedAndCounted) {
  GatewayOptions hasty = options();
  hasty.handshake_timeout = std::chrono::milliseconds(200);
  World world(hasty);
  RawConnection slow(tcp_of(world));
  CurveClient client(server_.public_key, allowed_);
  const std::string bytes = CurveClient::greeting() + client.hello();
  bool open = true;
  // Each byte arrives; time alone ends it.
  for (std::size_t i = 0; open && i < bytes.size(); ++i) {
    open = slow.send(bytes.substr(i, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(slow.closed());
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().handshakes_late == 1; }));
}

TEST_F(GatewayTcp, AMessageSentTwiceEndsItsConnectionAndTakesEffectOnce) {
  World world(options());
  RawConnection raw(tcp_of(world));
  CurveClient client(server_.public_key, allowed_);
  shake_hands(raw, client);
  const Frames frames = Peer::encoded(deploy("t-1", "web"));
  std::string bytes = client.message(frames[0], 1);
  bytes += client.message(frames[1]);
  ASSERT_TRUE(raw.send(bytes));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().answered == 1; }));
  ASSERT_TRUE(raw.send(bytes));
  EXPECT_TRUE(raw.closed());
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().broken == 1; }));
  EXPECT_EQ(world.gateway().counters().received, 1U);
}

TEST_F(GatewayTcp, GarbageAtAnyPointCostsOnlyItsOwnConnection) {
  World world(options());
  Peer good = peer(world);
  ASSERT_TRUE(good.ask(health()).ok);
  for (int step = 0; step < 3; ++step) {
    RawConnection raw(tcp_of(world));
    CurveClient client(server_.public_key, allowed_);
    if (step == 1) raw.send(CurveClient::greeting());
    if (step == 2) shake_hands(raw, client);
    // The kernel may say it is closed before all is sent.
    raw.send(CurveClient::framed(0, std::string(300, '\xfe')) + std::string(100, '\xfe'));
    EXPECT_TRUE(raw.closed()) << step;
  }
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().broken == 1; }));
  EXPECT_EQ(world.gateway().counters().handshakes_failed, 2U);
  EXPECT_TRUE(good.ask(list()).ok);
}

TEST_F(GatewayTcp, ARequestThatIsTooLongIsRefusedAndOneWithoutEndCostsItsConnection) {
  World world(options());
  Peer client = peer(world);
  client.send(Frames{"solo/1 json", std::string(schemas::kMaxRequestBytes + 1, ' ')});
  const v1::ReplyT refused = client.reply();
  EXPECT_EQ(code_of(refused), v1::ErrorCode::resource_exhausted);
  EXPECT_TRUE(client.ask(health()).ok);
  client.send(Frames{"solo/1 json", std::string(17 * 1024 * 1024, ' ')});
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().broken == 1; }));
}

TEST_F(GatewayTcp, AClientThatDoesNotReadHoldsUpNobody) {
  constexpr std::uint64_t kRequests = 30'000;
  World world(options());
  Peer deaf = peer(world);
  deaf.socket().set(zmq::sockopt::rcvhwm, 1);
  Peer other = peer(world);
  ASSERT_TRUE(other.ask(deploy("t-1", "web")).ok);
  for (std::uint64_t i = 0; i < kRequests; ++i) deaf.send(list());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(other.ask(status("web")).ok);
  for (std::uint64_t i = 0; i < kRequests; ++i) ASSERT_TRUE(deaf.reply().ok);
  EXPECT_EQ(world.gateway().counters().dropped, 0U);
}

TEST_F(GatewayTcp, AClientThatGoesAwayInTheMiddleLeavesNothing) {
  World world(options());
  for (int step = 0; step < 4; ++step) {
    RawConnection raw(tcp_of(world));
    CurveClient client(server_.public_key, allowed_);
    if (step == 1) raw.send(CurveClient::greeting() + client.hello());
    if (step >= 2) shake_hands(raw, client);
    if (step == 2) raw.send(client.message("solo/1 json", 1));
    if (step == 3) send_request(raw, client, list());
  }
  EXPECT_TRUE(World::eventually([&] {
    const auto counters = world.gateway().counters();
    return counters.connections == 0 && counters.half_open == 0 && counters.commands_in_flight == 0;
  }));
  EXPECT_TRUE(peer(world).ask(health()).ok);
}

TEST_F(GatewayTcp, StrangersAtTcpKeepNobodyFromTheUnixSocket) {
  GatewayOptions few = options();
  few.max_connections = 16;
  few.max_half_open = 4;
  World world(few);
  std::vector<std::unique_ptr<Peer>> inside;
  for (int i = 0; i < 14; ++i) {
    inside.push_back(std::make_unique<Peer>(tcp_of(world), zmq::socket_type::dealer, std::string(), keys()));
    ASSERT_TRUE(inside.back()->ask(health()).ok);
  }
  Peer one_more = peer(world);
  one_more.send(health());
  Peer first(world.endpoint());
  Peer second(world.endpoint());
  EXPECT_TRUE(first.ask(health()).ok);
  EXPECT_TRUE(second.ask(health()).ok);
  EXPECT_FALSE(one_more.receive(std::chrono::milliseconds(100))) << "an eighth is not for tcp";
  second.socket().close();
  first.socket().close();
  inside.pop_back();
  EXPECT_TRUE(one_more.reply().ok);
}

/// In /proc/net/tcp: the timer of the connected socket at this local port; empty: there is none.
std::string timer_at(std::uint16_t port) {
  std::ostringstream wanted;
  wanted << ":" << std::hex << std::uppercase << std::setw(4) << std::setfill('0') << port;
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer;
    words >> number >> local >> remote >> state >> queues >> timer;
    if (state == "01" && local.size() > 5 && local.substr(local.size() - 5) == wanted.str()) return timer.substr(0, 2);
  }
  return {};
}

TEST_F(GatewayTcp, TheKernelAsksAfterClientsThatSayNothing) {
  World world(options());
  Peer client = peer(world);
  ASSERT_TRUE(client.ask(health()).ok);
  const std::uint16_t port = producers::parse_tcp(tcp_of(world))->port;
  // 02: keepalive. While something is on its way another timer runs.
  EXPECT_TRUE(World::eventually([&] { return timer_at(port) == "02"; })) << timer_at(port);
}

TEST_F(GatewayTcp, WhoBringsNoValidTokenMakesRoomAndWhoDoesStays) {
  GatewayOptions few = options();
  few.curve->any_client = true;
  few.max_connections = 8;  // of which one is not for tcp
  World world(few);
  // The oldest of all, and it waits for something.
  Peer known(tcp_of(world), zmq::socket_type::dealer, {}, ClientCurve{server_.public_key, allowed_});
  v1::RequestT waiting = list();
  waiting.after = "0:" + std::to_string(world.log().records().size());
  known.send(waiting);
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 1; }));
  std::vector<std::unique_ptr<RawConnection>> strangers;
  for (int i = 0; i < 6; ++i) {
    strangers.push_back(std::make_unique<RawConnection>(tcp_of(world)));
    CurveClient client(server_.public_key, producers::make_curve_keys(entropy_));
    shake_hands(*strangers.back(), client);
    v1::RequestT nobodys = list();
    nobodys.token = test_token(99).text;
    send_request(*strangers.back(), client, nobodys);
  }
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().answered == 6; }));
  ASSERT_EQ(world.gateway().counters().connections, 7U);
  for (std::uint64_t more = 1; more <= 3; ++more) {
    auto client = connect(world, {server_.public_key, producers::make_curve_keys(entropy_)});
    ASSERT_TRUE(client) << client.error().message;
    v1::RequestT request = status("x");
    const auto reply = (*client)->call(request);
    ASSERT_TRUE(reply) << reply.error().message;
  }
  EXPECT_GE(world.gateway().counters().crowded_out, 1U);
  Peer local(world.endpoint());
  ASSERT_TRUE(local.ask(deploy("t-1", "web")).ok);
  EXPECT_TRUE(known.reply().ok) << "it has kept its connection";
}

}  // namespace
}  // namespace solo::testing
