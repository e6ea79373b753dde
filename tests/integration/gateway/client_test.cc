// The command client, and what it says when there is nobody to talk to; and where the gateway may put its socket.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <future>
#include <thread>
#include <zmq_addon.hpp>

#include "producers/command_client.h"
#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using producers::ClientOptions;
using producers::CommandClient;
using schemas::ErrorCode;

/// A socket somebody listens at and nobody serves: a frozen daemon.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
  }
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// Its file stays.
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

ClientOptions to(const std::string& path, std::chrono::milliseconds reach = std::chrono::milliseconds(200)) {
  return {"ipc://" + path, reach};
}

TEST(CommandClient, CallsAndGetsTheDaemonsAnswer) {
  World world;
  auto client = CommandClient::connect({world.endpoint()});
  ASSERT_TRUE(client) << client.error().message;
  const auto good = (*client)->call(deploy("c-1", "web"));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->ok);
  const auto bad = (*client)->call(kill("c-2", "nothing"));
  ASSERT_TRUE(bad) << "what the daemon answers is a reply, errors too";
  EXPECT_EQ(code_of(*bad), v1::ErrorCode::not_found);
}

TEST(CommandClient, ARequestWithoutAnIdGetsOne) {
  World world;
  auto client = CommandClient::connect({world.endpoint()});
  ASSERT_TRUE(client);
  const auto reply = (*client)->call(deploy("", "web"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id.size(), 36U);
}

TEST(CommandClient, ALateAnswerIsNotTakenForTheNextOnes) {
  World world;
  auto client = CommandClient::connect({world.endpoint()});
  ASSERT_TRUE(client);
  world.log().hold();
  const auto late = (*client)->call(deploy("c-1", "web"), std::chrono::milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  world.log().release();
  const auto next = (*client)->call(deploy("c-2", "db"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->id, "c-2");
}

TEST(CommandClient, EveryWayNotToReachADaemonHasItsOwnWords) {
  TempDir dir;
  const auto connect = [](const ClientOptions& options) {
    auto client = CommandClient::connect(options);
    EXPECT_FALSE(client);
    return client ? schemas::Error{} : client.error();
  };
  const std::string absent = (dir.path() / "absent.sock").string();
  EXPECT_NE(connect(to(absent)).message.find("there is no socket"), std::string::npos);
  EXPECT_EQ(connect(to(absent)).code, ErrorCode::unavailable);

  const std::string dead = (dir.path() / "dead.sock").string();
  Listener(dead).close();
  EXPECT_NE(connect(to(dead)).message.find("it has ended"), std::string::npos);

  const std::string file = (dir.path() / "file").string();
  std::ofstream(file) << "not a socket";
  EXPECT_NE(connect(to(file)).message.find("is not a socket"), std::string::npos);

  EXPECT_EQ(connect(to("/tmp/" + std::string(120, 'x'))).code, ErrorCode::invalid_argument);
  EXPECT_NE(connect(to("/tmp/" + std::string(120, 'x'))).message.find("107"), std::string::npos);
  EXPECT_NE(connect({"tcp://127.0.0.1:7000"}).message.find("needs the daemon's public key"), std::string::npos);
  EXPECT_EQ(connect({"solo"}).code, ErrorCode::invalid_argument);
}

TEST(CommandClient, AFrozenDaemonIsNoticedWithinTheReachTimeout) {
  TempDir dir;
  const std::string path = (dir.path() / "frozen.sock").string();
  Listener frozen(path);
  const auto begin = std::chrono::steady_clock::now();
  const auto client = CommandClient::connect(to(path));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::unavailable);
  EXPECT_NE(client.error().message.find("did not take this connection"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(CommandClient, ADaemonThatGoesAwayInTheMiddleIsNoticedAtOnce) {
  TempDir dir;
  const std::string path = (dir.path() / "command.sock").string();
  // A daemon that answers health and takes nothing else to its end.
  zmq::context_t context;
  auto router = std::make_unique<zmq::socket_t>(context, zmq::socket_type::router);
  router->set(zmq::sockopt::linger, 0);
  router->bind("ipc://" + path);
  auto serving = std::async(std::launch::async, [&] {
    std::vector<zmq::message_t> frames;
    ASSERT_TRUE(zmq::recv_multipart(*router, std::back_inserter(frames)));
    v1::ReplyT reply;
    reply.id = schemas::decode_request(frames.back().to_string_view())->id;
    frames.back() = zmq::message_t(schemas::encode(reply));
    ASSERT_TRUE(zmq::send_multipart(*router, frames));
    frames.clear();
    ASSERT_TRUE(zmq::recv_multipart(*router, std::back_inserter(frames)));
    router.reset();
  });
  auto client = CommandClient::connect(to(path, std::chrono::seconds(5)));
  ASSERT_TRUE(client) << client.error().message;
  const auto begin = std::chrono::steady_clock::now();
  const auto lost = (*client)->call(deploy("c-2", "db"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unavailable);
  EXPECT_NE(lost.error().message.find("outcome is unknown"), std::string::npos) << lost.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  serving.get();
}

TEST(CommandClient, AfterALostConnectionItReachesTheNextDaemon) {
  World world;
  const std::string path = world.socket_path() + "2";
  const auto start = [&](producers::HostPort& host, producers::HealthPort& health, const producers::Clock& clock) {
    producers::GatewayOptions options;
    options.endpoints = {"ipc://" + path};
    auto gateway =
        std::make_unique<producers::Gateway>(options, world.log(), world.views(), world.tokens(), host, health, clock);
    EXPECT_TRUE(gateway->start());
    return gateway;
  };
  StubHost host;
  StubHealth health;
  const producers::SystemClock clock;
  auto gateway = start(host, health, clock);
  auto client = CommandClient::connect(to(path, std::chrono::seconds(5)));
  ASSERT_TRUE(client) << client.error().message;
  gateway.reset();
  const auto nobody = (*client)->call(testing::health());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::unavailable);
  gateway = start(host, health, clock);
  EXPECT_TRUE((*client)->call(testing::health()));
}

TEST(CommandClient, ManyClientsAtOnceEachGetTheirOwnAnswers) {
  World world;
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int number = 0; number < 16; ++number) {
    threads.emplace_back([&, number] {
      auto client = CommandClient::connect({world.endpoint()});
      if (!client) return;
      for (int i = 0; i < 20; ++i) {
        const std::string id = "c-" + std::to_string(number) + "-" + std::to_string(i);
        const auto reply = (*client)->call(deploy(id, "s" + std::to_string(number * 100 + i)));
        if (reply && reply->ok && reply->id == id && !reply->duplicate) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 20);
}

class GatewayStart : public ::testing::Test {
 protected:
  schemas::Result<void> start(const std::string& endpoint) {
    producers::GatewayOptions options;
    options.endpoints = {endpoint};
    producers::Gateway gateway(options, world.log(), world.views(), world.tokens(), host, health, clock);
    return gateway.start();
  }

  World world;
  StubHost host;
  StubHealth health;
  producers::SystemClock clock;
  TempDir dir;
};

TEST_F(GatewayStart, TakesThePlaceOfADeadDaemonAndNotOfALiveOne) {
  const std::string path = (dir.path() / "command.sock").string();
  Listener(path).close();
  EXPECT_TRUE(start("ipc://" + path));
  const auto second = start(world.endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::already_exists);
  Peer peer(world.endpoint());
  EXPECT_TRUE(peer.ask(testing::health()).ok) << "the live one was not disturbed";
}

TEST_F(GatewayStart, RefusesADirectoryThatIsOpenToOthers) {
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const auto started = start("ipc://" + (dir.path() / "command.sock").string());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(started.error().hint.find("chmod 700"), std::string::npos);
}

TEST_F(GatewayStart, RefusesTcpAndPathsThatAreTooLong) {
  const auto tcp = start("tcp://127.0.0.1:7000");
  ASSERT_FALSE(tcp);
  EXPECT_NE(tcp.error().message.find("not offered without CURVE"), std::string::npos);
  const auto path = start("ipc://" + (dir.path() / std::string(100, 'x')).string());
  ASSERT_FALSE(path);
  EXPECT_NE(path.error().message.find("107"), std::string::npos);
  const auto file = dir.path() / "file";
  std::ofstream(file) << "precious";
  EXPECT_FALSE(start("ipc://" + file.string()));
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace solo::testing
