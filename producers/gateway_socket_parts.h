// What is behind GatewaySocket: its connections, and the doors by which they came in. gateway_socket.cc reads and
// writes, gateway_doors.cc takes connections and shows them out.
#pragma once

#include <sodium.h>
#include <sys/epoll.h>

#include <array>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "producers/gateway_listener.h"
#include "producers/gateway_socket.h"
#include "producers/log_limit.h"
#include "producers/secret_bytes.h"
#include "producers/zmtp_connection.h"

namespace solo::producers {

using TimePoint = std::chrono::steady_clock::time_point;

/// One endpoint, and who has come in by it and not shaken hands: strangers at one keep nobody from coming in by
/// another.
struct GatewayDoor {
  explicit GatewayDoor(GatewayListener socket) : listener(std::move(socket)) {}

  GatewayListener listener;
  ZmtpConnection::Options zmtp;
  /// Beyond so many connections at all doors nobody comes in by this one.
  std::size_t max_connections = 0;
  /// Oldest first.
  std::set<PeerId> half_open;
  /// Where any key is let in: who has shaken hands and brought no valid token yet. Oldest first.
  std::set<PeerId> strangers;
  bool any_key = false;
  bool accepting = false;
  std::optional<TimePoint> resume_at;
};

struct GatewayConnection {
  GatewayConnection(FileDescriptor descriptor, GatewayDoor& entered, ZmtpConnection::Budget& budget, Entropy& entropy)
      : socket(std::move(descriptor)), door(entered), zmtp(entered.zmtp, budget, entropy) {}
  ~GatewayConnection() { wipe(unread); }
  GatewayConnection(const GatewayConnection&) = delete;
  GatewayConnection& operator=(const GatewayConnection&) = delete;

  FileDescriptor socket;
  GatewayDoor& door;
  ZmtpConnection zmtp;
  /// Read, and not taken by zmtp yet.
  std::string unread;
  TimePoint accepted;
  /// Waits in `turns`.
  bool has_turn = false;
  bool dirty = false;
  /// The client is gone; what it sent before is still served.
  bool gone = false;
  std::uint32_t events = EPOLLIN;
};

struct GatewaySocket::Impl {
  Impl(GatewaySocketOptions socket_options, Entropy& random, const Clock& system_clock);

  schemas::Result<void> open_doors();
  bool watch(int operation, int fd, std::uint32_t events, PeerId number) const;
  std::size_t max_message() const;

  // gateway_doors.cc
  PeerId door_number(const GatewayDoor& door) const;
  void accept_some(GatewayDoor& door, int most);
  bool make_room(GatewayDoor& door);
  void pause_accepting(GatewayDoor& door, std::optional<TimePoint> until);
  void resume_accepting();
  /// The oldest of them goes, unless it has only just come.
  bool show_out_oldest(GatewayDoor& door, const std::set<PeerId>& among, std::string_view why);
  void expire(GatewayDoor& door, TimePoint now);
  std::size_t half_open() const;
  /// It is shown out: counted, and said in the log, though not for every one of many.
  void tell(GatewayPeerTrouble trouble, const GatewayConnection& connection, std::string_view why);
  static std::string name_of(const GatewayConnection& connection);

  // gateway_socket.cc
  void poll();
  void read(PeerId number, GatewayConnection& connection);
  void feed(PeerId number, GatewayConnection& connection, std::string_view bytes);
  void after_feed(PeerId number, GatewayConnection& connection);
  void give_turn(PeerId number, GatewayConnection& connection);
  void mark(PeerId number, GatewayConnection& connection);
  void write(PeerId number, GatewayConnection& connection);
  void want(PeerId number, GatewayConnection& connection, std::uint32_t events) const;
  void leave(PeerId number, GatewayConnection& connection);
  void bury();
  void flush();
  void linger();

  GatewaySocketOptions options;
  Entropy& entropy;
  const Clock& clock;
  FileDescriptor epoll;
  bool withdrawn = false;
  /// Their places are their numbers in epoll's data; connections have greater ones, and refer to them.
  std::deque<GatewayDoor> doors;

  ZmtpConnection::Budget budget;
  std::unordered_map<PeerId, GatewayConnection> connections;
  PeerId next_number = 0;
  /// Connections with messages, in the order in which they are served.
  std::deque<PeerId> turns;
  std::vector<PeerId> dirty;
  /// Gone, and removed by bury(), when nobody holds a reference.
  std::vector<PeerId> left;
  int taken = 0;

  GatewayTroubles troubles{};
  std::vector<LogLimit> log_limits;

  std::array<char, std::size_t{32} * 1024> buffer{};
  ZmtpMessage current;
  std::vector<std::string_view> views;
};

}  // namespace solo::producers
