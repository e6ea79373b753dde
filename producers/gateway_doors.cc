// How connections come in by the doors of a GatewaySocket, and how those that do not behave go out.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "producers/curve_keys.h"
#include "producers/gateway_socket_parts.h"
#include "producers/tcp_endpoint.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// So long does one that has just come keep its place among those that have not shaken hands, or brought no token.
constexpr std::chrono::milliseconds kGrace{250};
/// When there was no descriptor for a connection.
constexpr std::chrono::milliseconds kRetryAccept{100};
/// Of all connections, those that tcp leaves to who is on this machine: an eighth.
constexpr std::size_t kShareOfLocal = 8;

constexpr std::array<std::string_view, kGatewayPeerTroubles> kTroubleWords{
    "its key is not allowed", "its handshake failed", "its handshake took too long",
    "it made room for another that has not shaken hands", "it broke the protocol"};

}  // namespace

Result<void> GatewaySocket::Impl::open_doors() {
  for (const std::string& endpoint : options.endpoints) {
    if (is_tcp(endpoint) && !options.curve) {
      return fail(ErrorCode::invalid_argument, fmt::format("{}: tcp is not offered without CURVE", endpoint),
                  "give the server's key pair, and say which clients may connect");
    }
    auto listener = GatewayListener::open(endpoint);
    if (!listener) return fail(listener.error());
    GatewayDoor& door = doors.emplace_back(*std::move(listener));
    door.zmtp.max_message = max_message();
    door.max_connections = options.max_connections;
    if (door.listener.is_tcp()) {
      const GatewayCurve& curve = *options.curve;
      door.max_connections -= options.max_connections / kShareOfLocal;
      door.zmtp.curve = &curve.server;
      door.any_key = curve.any_client;
      door.zmtp.allow = [&curve](const CurveKey& key) { return curve.any_client || curve.clients.count(key) != 0; };
    }
    if (!watch(EPOLL_CTL_ADD, door.listener.fd(), EPOLLIN, doors.size() - 1)) {
      return fail(ErrorCode::unavailable, fmt::format("the command socket {} cannot be watched: {}", endpoint,
                                                      std::generic_category().message(errno)));
    }
    door.accepting = true;
  }
  if (doors.empty()) return fail(ErrorCode::invalid_argument, "there is no endpoint to listen at");
  next_number = doors.size();
  return {};
}

PeerId GatewaySocket::Impl::door_number(const GatewayDoor& door) const {
  PeerId number = 0;
  while (&doors.at(number) != &door) ++number;
  return number;
}

void GatewaySocket::Impl::accept_some(GatewayDoor& door, int most) {
  for (int i = 0; i < most && make_room(door); ++i) {
    FileDescriptor socket = door.listener.accept();
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        pause_accepting(door, clock.now() + kRetryAccept);
      }
      // Anything else was the end of that one connection, and epoll tells whether there are more.
      return;
    }
    const PeerId number = next_number++;
    const int fd = socket.get();
    auto& connection = connections.try_emplace(number, std::move(socket), door, budget, entropy).first->second;
    connection.accepted = clock.now();
    door.half_open.insert(number);
    if (watch(EPOLL_CTL_ADD, fd, EPOLLIN, number)) {
      mark(number, connection);
    } else {
      leave(number, connection);
    }
  }
}

/// For one more connection. false: accepting has to wait.
bool GatewaySocket::Impl::make_room(GatewayDoor& door) {
  const bool full = connections.size() >= door.max_connections;
  if (!full && door.half_open.size() < options.max_half_open) return true;
  if (!door.half_open.empty()) return show_out_oldest(door, door.half_open, {});
  if (!door.strangers.empty()) return show_out_oldest(door, door.strangers, "it had brought no valid token");
  pause_accepting(door, {});
  return false;
}

bool GatewaySocket::Impl::show_out_oldest(GatewayDoor& door, const std::set<PeerId>& among, std::string_view why) {
  const PeerId number = *among.begin();
  GatewayConnection& oldest = connections.at(number);
  if (clock.now() < oldest.accepted + kGrace) {
    pause_accepting(door, oldest.accepted + kGrace);
    return false;
  }
  tell(GatewayPeerTrouble::crowded_out, oldest, why);
  leave(number, oldest);
  bury();
  return true;
}

void GatewaySocket::Impl::pause_accepting(GatewayDoor& door, std::optional<TimePoint> until) {
  door.resume_at = until;
  if (door.accepting) watch(EPOLL_CTL_MOD, door.listener.fd(), 0, door_number(door));
  door.accepting = false;
}

void GatewaySocket::Impl::resume_accepting() {
  for (GatewayDoor& door : doors) {
    door.resume_at.reset();
    if (door.accepting || withdrawn) continue;
    door.accepting = watch(EPOLL_CTL_MOD, door.listener.fd(), EPOLLIN, door_number(door));
  }
}

void GatewaySocket::Impl::expire(GatewayDoor& door, TimePoint now) {
  while (!door.half_open.empty()) {
    const PeerId number = *door.half_open.begin();
    GatewayConnection& connection = connections.at(number);
    if (now < connection.accepted + options.handshake_timeout) break;
    tell(GatewayPeerTrouble::handshake_late, connection, {});
    leave(number, connection);
  }
  bury();
  if (door.resume_at && now >= *door.resume_at) resume_accepting();
}

std::size_t GatewaySocket::Impl::half_open() const {
  std::size_t count = 0;
  for (const GatewayDoor& door : doors) count += door.half_open.size();
  return count;
}

std::string GatewaySocket::Impl::name_of(const GatewayConnection& connection) {
  std::string name = remote_tcp(connection.socket.get());
  if (name.empty()) return connection.door.listener.endpoint();
  if (const auto& key = connection.zmtp.client_key()) name += " key " + to_z85(*key);
  return name;
}

void GatewaySocket::Impl::tell(GatewayPeerTrouble trouble, const GatewayConnection& connection, std::string_view why) {
  const auto kind = static_cast<std::size_t>(trouble);
  ++troubles.at(kind);
  const auto held = log_limits.at(kind).take(clock.now());
  if (!held) return;
  spdlog::warn("connection of {} closed: {}{}{}{}", name_of(connection), kTroubleWords.at(kind),
               why.empty() ? "" : ": ", why, *held == 0 ? "" : fmt::format(" ({} more like it were not shown)", *held));
}

}  // namespace solo::producers
