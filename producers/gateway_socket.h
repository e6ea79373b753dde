// The gateway's connections: a ZeroMQ ROUTER that reads and writes without ever blocking.
//
// Every accepted connection counts, from the moment it is there; at `max_connections` no more are taken, and who comes
// then waits in the kernel's queue until one goes. An eighth of them is kept from tcp, so that strangers never fill the
// place of who is on this machine. Those that have not shaken hands are few at each endpoint (`max_half_open`) and
// short (`handshake_timeout`): of too many the oldest goes. Where any key is let in, those that have brought no valid
// token (vouch()) go in the same way when all places are taken. When the process has no descriptor left, accepting
// waits too.
//
// Unix sockets have ZeroMQ's mechanism NULL, tcp has CURVE and nothing else.
//
// A connection that does not read its replies is not read from either (kPause); what appends and effects still owe it
// is kept up to kMaxOutput, and dropped after that.
//
// Belongs to one thread once it is open. An answer goes to the connection its request came on and to no other.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/gateway_curve.h"
#include "producers/gateway_frames.h"
#include "schemas/result.h"

namespace solo::producers {

/// Why a connection was closed from this side.
enum class GatewayPeerTrouble : std::uint8_t { key_refused, handshake_failed, handshake_late, crowded_out, broken };
inline constexpr std::size_t kGatewayPeerTroubles = 5;
/// How often each has happened.
using GatewayTroubles = std::array<std::uint64_t, kGatewayPeerTroubles>;

struct GatewaySocketOptions {
  std::vector<std::string> endpoints;
  /// tcp is not offered without.
  std::optional<GatewayCurve> curve = {};
  std::size_t max_request_bytes = 0;
  std::size_t max_connections = 10'000;
  std::size_t max_half_open = 1'024;
  std::chrono::milliseconds handshake_timeout{5'000};
  /// Requests received in whole or in part, over all connections.
  std::size_t max_received_bytes = std::size_t{256} * 1024 * 1024;
};

class GatewaySocket {
 public:
  /// Errors as gateway.h names them for start(). Borrows entropy and clock.
  static schemas::Result<std::unique_ptr<GatewaySocket>> open(GatewaySocketOptions options, Entropy& entropy,
                                                              const Clock& clock);
  /// Gives what was sent a moment to leave, then closes.
  ~GatewaySocket();
  GatewaySocket(const GatewaySocket&) = delete;
  GatewaySocket& operator=(const GatewaySocket&) = delete;

  /// Readable when readable() has something to do.
  int fd() const;
  /// Serves the connections without waiting, and says whether there is a message.
  bool readable();

  struct Message {
    PeerId peer = 0;
    /// The first frames; valid until the next receive(), and wiped then.
    std::span<const std::string_view> frames;
    /// How many there were.
    std::size_t count = 0;
    /// Why some of it was not kept.
    std::optional<schemas::Error> refused;
  };
  /// false: nothing is there.
  bool receive(Message& message);

  /// false: the client has gone or does not read; the reply is dropped. It leaves with the next flush().
  bool send(const ReturnPath& path, std::string_view body);
  void flush();

  /// Its client has brought a valid token: it keeps its place.
  void vouch(PeerId peer);

  /// When expire() has something to do.
  std::optional<std::chrono::steady_clock::time_point> next_deadline() const;
  void expire();

  /// Takes what waits to be accepted, and no new connections from here on; those there are go on.
  void withdraw();

  std::size_t connections() const;
  std::size_t half_open() const;
  const GatewayTroubles& troubles() const;
  /// Where it listens, with the ports that the kernel gave.
  std::vector<std::string> endpoints() const;
  /// Who a connection's client is, as far as the transport tells: its address and public key, or the endpoint; empty:
  /// it is gone.
  std::string peer_name(PeerId peer) const;

 private:
  struct Impl;
  explicit GatewaySocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
