// The command plane: requests come in over ZeroMQ, become events in the log, and are answered when the log, the views
// or the runtime have come as far as the client asked.
//
// One thread owns the connections, the table of requests in flight and the JSON codec; completions of appends and view
// changes reach it through a queue. It never waits for anything but its socket and that queue: a client that does not
// read, an append that does not end and a service that does not start hold up nobody else.
//
// A request's way:
//   frames -> Request -> its token is judged, and wiped -> decide() -> recorded outcome, or the same command in flight,
//   or an early refusal (what a token may not grant or revoke is one: a retry is asked only whether its token is in
//   force and has the command's permission, and gets the recorded answer)
//   -> append -> durable (accepted) -> views passed the position, outcome looked up (applied)
//   -> effect in the service's record (done) -> Reply
// What a client is told:
//   refused by the log        its error; nothing was recorded
//   unknown to the log        deadline_exceeded without a position; forgotten, its client may retry by the same id
//   deadline before durable   the same
//   deadline after durable    deadline_exceeded with the position: the effect is pending
//
// Durability: nothing of its own. Errors of start(): invalid_argument (not an endpoint that is offered, path too long,
// tcp without CURVE), failed_precondition (the directory is open to others, something else is at the path), unavailable
// (the socket cannot be made), already_exists (another daemon answers there, the port is taken).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producers/clock.h"
#include "producers/event_log.h"
#include "producers/gateway_curve.h"
#include "producers/ports.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "schemas/result.h"

namespace solo::projections {
class TokenChecker;
}

namespace solo::producers {

class AuditPort;

struct GatewayOptions {
  /// `ipc://PATH`, PATH at most 107 bytes, in a directory that only this user can enter; `tcp://ADDRESS:PORT`, port 0
  /// for one that is free.
  std::vector<std::string> endpoints;
  /// tcp is not offered without.
  std::optional<GatewayCurve> curve = {};
  std::size_t max_request_bytes = schemas::kMaxRequestBytes;
  /// Requests received and not answered yet. The last tenth is for tokens of every tenant alone; of requests that came
  /// before the views had what the log held at the start, and are not judged yet, there may be half as many.
  std::size_t max_in_flight = 10'000;
  std::size_t max_in_flight_per_connection = 1'000;
  /// Of tokens of one tenant, whomever they ask about; and of each token that is for every tenant.
  std::size_t max_in_flight_per_tenant = 5'000;
  /// Half of the descriptors that the process may have, if that is less. Who comes beyond it waits for another to go.
  std::size_t max_connections = 10'000;
  /// Connections of an endpoint that have not shaken hands, and how long they may take. Of too many the oldest goes.
  std::size_t max_half_open = 1'024;
  std::chrono::milliseconds handshake_timeout{5'000};
  std::chrono::milliseconds default_timeout{30'000};
  /// An order that the log has neither taken nor refused when its time is up is answered when it has, or so much later:
  /// who is told that the outcome is unknown should know that this daemon writes it no more. 0: at once.
  std::chrono::milliseconds append_patience{0};
  /// How long drain() lets requests that wait for the runtime's effect go on waiting.
  std::chrono::milliseconds effect_grace{2'000};
  /// Hears of every check of a token; nullptr: nobody does. Not owned.
  AuditPort* audit = nullptr;
};

struct GatewayCounters {
  /// Requests received and not answered yet.
  std::uint32_t commands_in_flight = 0;
  /// Handed to the log, and it has not said yet how they ended.
  std::uint32_t appends_in_flight = 0;
  std::uint32_t connections = 0;
  /// Of these: those that have not shaken hands.
  std::uint32_t half_open = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  /// Frames that were no request.
  std::uint64_t malformed = 0;
  /// Replies to clients that had gone or did not read.
  std::uint64_t dropped = 0;
  // Connections closed from this side: their keys are not allowed, their handshakes failed or took too long, they
  // had not shaken hands or brought no valid token and others came after them, what they sent was not ZeroMQ's
  // protocol.
  std::uint64_t keys_refused = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t handshakes_late = 0;
  std::uint64_t crowded_out = 0;
  std::uint64_t broken = 0;
};

class Gateway {
 public:
  /// Borrows everything it is given; all of it must outlive the gateway.
  Gateway(GatewayOptions options, EventLog& log, const projections::Views& views, projections::TokenChecker& tokens,
          HostPort& host, HealthPort& health, const Clock& clock, MachinePorts machine = {});
  /// stop(), if that was not called.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Binds and starts the thread. The socket of a dead daemon is removed first.
  schemas::Result<void> start();

  /// Where it listens, with the ports that the kernel gave; after start().
  std::vector<std::string> endpoints() const;

  /// Who a connection's client is, as far as the transport tells. On the gateway's thread alone: within
  /// AuditPort::checked().
  std::string peer_name(std::uint64_t peer) const;

  /// A batch was applied and is visible in the views. Any thread; cheap.
  void on_change(const projections::ViewChange& change);

  /// From now on new commands are answered unavailable (retryable); reads go on, and health says stopping. Any thread.
  void begin_shutdown(std::string reason);

  /// After begin_shutdown(): waits until every request received has its answer. Requests that wait for an effect are
  /// answered "durable, the effect is pending" after effect_grace. false: at the deadline some appends had not ended;
  /// their requests were answered "unknown". Any thread but the gateway's own.
  bool drain(std::chrono::steady_clock::time_point deadline);

  /// Answers what is still in the socket, closes it and ends the thread. Appends may end after it; nobody hears of
  /// them.
  void stop();

  /// Any thread.
  GatewayCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
