#include "tests/integration/gateway/peer.h"

#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "schemas/json.h"

namespace solo::testing {

Peer::Peer(const std::string& endpoint, zmq::socket_type type, const std::string& routing_id,
           const std::optional<producers::ClientCurve>& curve)
    : socket_(context_, type) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  if (!routing_id.empty()) socket_.set(zmq::sockopt::routing_id, routing_id);
  if (curve) {
    const auto set = [&](int option, const producers::CurveKey& key) {
      EXPECT_EQ(zmq_setsockopt(socket_.handle(), option, key.data(), key.size()), 0);
    };
    set(ZMQ_CURVE_SERVERKEY, curve->server);
    set(ZMQ_CURVE_PUBLICKEY, curve->own.public_key);
    set(ZMQ_CURVE_SECRETKEY, curve->own.secret_key);
  }
  socket_.connect(endpoint);
}

Frames Peer::encoded(const v1::RequestT& request) { return {"solo/1 flatbuffers", schemas::encode(request)}; }

void Peer::send(const Frames& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto flags = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    ASSERT_TRUE(socket_.send(zmq::buffer(frames[i]), flags));
  }
}

std::optional<Frames> Peer::receive(std::chrono::milliseconds wait) {
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(wait.count()));
  Frames frames;
  zmq::message_t part;
  do {
    if (!socket_.recv(part)) return std::nullopt;
    frames.push_back(part.to_string());
  } while (part.more());
  return frames;
}

v1::ReplyT Peer::reply(std::chrono::milliseconds wait) {
  const auto frames = receive(wait);
  if (!frames || frames->size() < 2) {
    ADD_FAILURE() << "no reply";
    return {};
  }
  const std::string& body = frames->back();
  schemas::JsonCodec json;
  auto reply =
      (*frames)[frames->size() - 2] == "solo/1 json" ? json.reply_from_json(body) : schemas::decode_reply(body);
  if (!reply) {
    ADD_FAILURE() << reply.error().message;
    return {};
  }
  return *std::move(reply);
}

v1::ErrorCode code_of(const v1::ReplyT& reply) { return reply.error ? reply.error->code : v1::ErrorCode::ok; }

}  // namespace solo::testing
