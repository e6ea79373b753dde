// A client made of bare frames: what other languages send, and what nobody should.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "producers/command_client.h"
#include "schemas/schemas.h"

namespace solo::testing {

using Frames = std::vector<std::string>;

class Peer {
 public:
  explicit Peer(const std::string& endpoint, zmq::socket_type type = zmq::socket_type::dealer,
                const std::string& routing_id = {}, const std::optional<producers::ClientCurve>& curve = {});

  void send(const Frames& frames);
  /// One request, header and body, in FlatBuffers.
  void send(const v1::RequestT& request) { send(encoded(request)); }
  static Frames encoded(const v1::RequestT& request);

  /// nothing: none came in time.
  std::optional<Frames> receive(std::chrono::milliseconds wait = std::chrono::seconds(20));
  /// The next reply, in whichever form and encoding; a test failure and an empty one if none came.
  v1::ReplyT reply(std::chrono::milliseconds wait = std::chrono::seconds(20));
  v1::ReplyT ask(const v1::RequestT& request) {
    send(request);
    return reply();
  }

  zmq::socket_t& socket() { return socket_; }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

/// The error's code; ok if there is none.
v1::ErrorCode code_of(const v1::ReplyT& reply);

}  // namespace solo::testing
