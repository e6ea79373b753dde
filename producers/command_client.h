// How a program talks to the daemon: one request, one reply, over ZeroMQ with FlatBuffers; over tcp with CURVE.
//
// Two kinds of failure are kept apart. What the daemon answered, errors too, comes as ReplyT. What kept a request or
// its answer from getting through comes as Error:
//   unavailable         there is no daemon, it may not be opened, it does not answer, or it went away too early
//   deadline_exceeded   it took the request and did not answer in time
//   permission_denied   it does not allow this client's CURVE key
//   invalid_argument    not an endpoint that is offered, the path is over 107 bytes, or tcp without keys
//
// After unavailable or deadline_exceeded from call() the outcome of a command is unknown. The client repeats nothing on
// its own: its caller retries by the same id.
//
// Threads: a client belongs to one thread at a time. All clients of a process share one ZeroMQ context. Signals are not
// its business: an interrupted wait goes on.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "producers/curve_server.h"
#include "schemas/result.h"

namespace solo::v1 {
struct RequestT;
struct ReplyT;
}  // namespace solo::v1

namespace solo::producers {

struct ClientCurve {
  /// The daemon's public key.
  CurveKey server{};
  CurveKeyPair own;
};

struct ClientOptions {
  /// `ipc://PATH`, or `tcp://HOST:PORT`; a name stands for its IPv4 address.
  std::string endpoint;
  /// How long the daemon may take to show that it is there.
  std::chrono::milliseconds reach_timeout{5'000};
  /// For requests that bring none of their own.
  std::string token = {};
  /// For tcp, and for nothing else.
  std::optional<ClientCurve> curve = {};
};

class CommandClient {
 public:
  /// Reaches the daemon: it takes a connection and a health request is answered within reach_timeout.
  static schemas::Result<std::unique_ptr<CommandClient>> connect(ClientOptions options);
  ~CommandClient();
  CommandClient(const CommandClient&) = delete;
  CommandClient& operator=(const CommandClient&) = delete;

  /// Sends and waits for the answer. timeout 0: the request's own (timeout_ms, or 30 s) and 7 s more, so that the
  /// daemon's own words win. A request without an id gets a random one. After a lost connection it reaches anew.
  schemas::Result<v1::ReplyT> call(v1::RequestT request, std::chrono::milliseconds timeout = {});

 private:
  struct Impl;
  explicit CommandClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
