// Whatever frames come: no crash, no stall, an answer where there is somebody to answer to.
#include <gtest/gtest.h>

#include <random>

#include "schemas/codec.h"
#include "schemas/json.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

class Noise {
 public:
  explicit Noise(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

  std::string bytes(std::size_t length) {
    std::string made(length, '\0');
    for (char& byte : made) byte = static_cast<char>(below(256));
    return made;
  }

  /// A good body with some bytes changed, cut off or put in.
  std::string damaged(std::string body) {
    for (std::size_t i = 1 + below(4); i > 0 && !body.empty(); --i) {
      const std::size_t at = below(body.size());
      switch (below(4)) {
        case 0:
          body.resize(at);
          break;
        case 1:
          body.insert(at, bytes(1 + below(8)));
          break;
        default:
          body[at] = static_cast<char>(below(256));
      }
    }
    return body;
  }

  Frames frames(const std::string& flatbuffers, const std::string& json) {
    switch (below(5)) {
      case 0:
        return {"solo/1 flatbuffers", damaged(flatbuffers)};
      case 1:
        return {"solo/1 json", damaged(json)};
      case 2:
        return {"", below(2) == 0 ? "solo/1 json" : "solo/1 flatbuffers", bytes(below(200))};
      case 3:
        return {bytes(below(30)), bytes(below(30))};
      default: {
        Frames made(1 + below(6));
        for (auto& frame : made) frame = bytes(below(20));
        return made;
      }
    }
  }

 private:
  std::mt19937 random_;
};

TEST(GatewayGarbage, EveryMessageIsAnsweredOnceAndTheGatewayGoesOn) {
  constexpr int kMessages = 5'000;
  World world;
  Peer peer(world.endpoint());
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Noise noise(seed);
  v1::RequestT request = deploy("g-1", "web", v1::Wait::accepted);
  request.timeout_ms = 1000;
  const std::string flatbuffers = schemas::encode(request);
  const std::string json = schemas::JsonCodec().to_json(request);
  for (int i = 0; i < kMessages; ++i) {
    peer.send(noise.frames(flatbuffers, json));
    const auto answer = peer.receive();
    ASSERT_TRUE(answer) << "message " << i;
    const std::string& header = answer->at(answer->size() - 2);
    if (header == "solo/1 json") {
      ASSERT_TRUE(schemas::JsonCodec().reply_from_json(answer->back())) << answer->back();
    } else {
      ASSERT_TRUE(schemas::decode_reply(answer->back()));
    }
  }
  EXPECT_TRUE(peer.ask(health()).ok);
}

TEST(GatewayGarbage, ClientsThatLeaveInTheMiddleOfAFloodDoNoHarm) {
  World world;
  Noise noise(4711);
  const std::string body = schemas::encode(list());
  for (int round = 0; round < 50; ++round) {
    Peer peer(world.endpoint(), zmq::socket_type::dealer, round % 2 == 0 ? "same-name" : "");
    for (int i = 0; i < 50; ++i) peer.send(noise.frames(body, "{}"));
    peer.receive(std::chrono::milliseconds(noise.below(3)));
  }
  Peer peer(world.endpoint());
  EXPECT_TRUE(peer.ask(health()).ok);
}

}  // namespace
}  // namespace solo::testing
