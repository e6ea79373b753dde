// The gateway's ROUTER socket: bound under a directory of this user's own, read and written without ever blocking.
//
// Belongs to one thread once it is bound. A client that does not read costs the replies that fit its queue
// (kSendQueue); what comes after is dropped and said so to the caller.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "producers/gateway_frames.h"
#include "schemas/result.h"

namespace solo::producers {

class GatewaySocket {
 public:
  /// Errors as gateway.h names them for start(). Removes the socket of a dead daemon.
  static schemas::Result<std::unique_ptr<GatewaySocket>> bind(const std::string& endpoint);
  /// Gives what was sent a moment to leave, then closes.
  ~GatewaySocket();
  GatewaySocket(const GatewaySocket&) = delete;
  GatewaySocket& operator=(const GatewaySocket&) = delete;

  /// Becomes readable at most once per change: ask readable() before waiting for it.
  int fd() const;
  bool readable();

  struct Message {
    std::string peer;
    /// The first frames after the routing id; valid until the next receive().
    std::span<const std::string_view> frames;
    /// How many there were.
    std::size_t count = 0;
  };
  /// false: nothing is there.
  bool receive(Message& message);

  /// false: the client has gone or does not read; the reply is dropped.
  bool send(const ReturnPath& path, std::string_view body);

  /// Takes its path away: no new connections from here on; those there are go on.
  void withdraw();

 private:
  struct Impl;
  explicit GatewaySocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
