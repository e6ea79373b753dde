#include "producers/gateway_socket.h"

#include <poll.h>
#include <sodium.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "producers/gateway_replies.h"
#include "producers/gateway_socket_parts.h"

namespace solo::producers {
namespace {

using schemas::fail;
using schemas::Result;

/// With so many bytes of replies waiting to be read by it, a connection's requests wait too.
constexpr std::size_t kPause = std::size_t{64} * 1024;
constexpr std::size_t kMaxOutput = std::size_t{8} * 1024 * 1024;
constexpr int kAcceptAtOnce = 64;
/// Messages taken before the connections are looked at again.
constexpr int kTakenBetweenPolls = 64;
/// What header and empty frames may add to a request's bytes.
constexpr std::size_t kFrameSlack = 1'024;
constexpr std::chrono::milliseconds kLinger{1'000};
constexpr std::chrono::milliseconds kLogInterval{1'000};

constexpr std::uint32_t kIn = EPOLLIN;
constexpr std::uint32_t kOut = EPOLLOUT;

/// It does not read its replies.
bool stalled(GatewayConnection& connection) { return !connection.gone && connection.zmtp.output().size() > kPause; }

}  // namespace

GatewaySocket::Impl::Impl(GatewaySocketOptions socket_options, Entropy& random, const Clock& system_clock)
    : options(std::move(socket_options)),
      entropy(random),
      clock(system_clock),
      epoll(::epoll_create1(EPOLL_CLOEXEC)),
      log_limits(kGatewayPeerTroubles, LogLimit(kLogInterval)) {
  budget.limit = options.max_received_bytes;
}

bool GatewaySocket::Impl::watch(int operation, int fd, std::uint32_t events, PeerId number) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
}

std::size_t GatewaySocket::Impl::max_message() const { return options.max_request_bytes + kFrameSlack; }

void GatewaySocket::Impl::poll() {
  bury();
  taken = 0;
  std::array<epoll_event, 128> events{};
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    // epoll_event is packed: no reference to what is in it.
    const PeerId number = event.data.u64;
    if (number < doors.size()) {
      accept_some(doors[number], kAcceptAtOnce);
      continue;
    }
    const auto found = connections.find(number);
    if (found == connections.end()) continue;
    GatewayConnection& connection = found->second;
    const std::uint32_t wanted = connection.events;
    if ((event.events & EPOLLOUT) != 0) write(found->first, connection);
    if (connection.gone) continue;
    if ((event.events & EPOLLIN) != 0) {
      read(found->first, connection);
    } else if ((event.events & (EPOLLHUP | EPOLLERR)) != 0 && (wanted & EPOLLIN) == 0) {
      leave(found->first, connection);
    }
  }
}

void GatewaySocket::Impl::read(PeerId number, GatewayConnection& connection) {
  // What is here already comes first.
  if (connection.zmtp.has_message() || !connection.unread.empty()) return;
  const auto got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) {
    feed(number, connection, {buffer.data(), static_cast<std::size_t>(got)});
    sodium_memzero(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    leave(number, connection);
  }
}

void GatewaySocket::Impl::feed(PeerId number, GatewayConnection& connection, std::string_view bytes) {
  connection.zmtp.feed(bytes);
  // Not connection.unread itself: `bytes` may point into it.
  std::string rest(bytes);
  wipe(connection.unread);
  connection.unread.swap(rest);
  after_feed(number, connection);
}

void GatewaySocket::Impl::after_feed(PeerId number, GatewayConnection& connection) {
  if (connection.zmtp.has_message()) give_turn(number, connection);
  if (!connection.zmtp.output().empty()) mark(number, connection);
  auto& half_open = connection.door.half_open;
  if (connection.zmtp.state() == ZmtpConnection::State::broken) {
    tell(connection.zmtp.key_refused()  ? GatewayPeerTrouble::key_refused
         : half_open.count(number) != 0 ? GatewayPeerTrouble::handshake_failed
                                        : GatewayPeerTrouble::broken,
         connection, connection.zmtp.why());
    write(number, connection);
    return leave(number, connection);
  }
  if (connection.zmtp.state() == ZmtpConnection::State::open && half_open.erase(number) != 0) {
    if (connection.door.any_key) connection.door.strangers.insert(number);
    resume_accepting();
  }
}

void GatewaySocket::Impl::give_turn(PeerId number, GatewayConnection& connection) {
  if (connection.has_turn || stalled(connection)) return;
  connection.has_turn = true;
  turns.push_back(number);
}

void GatewaySocket::Impl::mark(PeerId number, GatewayConnection& connection) {
  if (std::exchange(connection.dirty, true)) return;
  dirty.push_back(number);
}

void GatewaySocket::Impl::write(PeerId number, GatewayConnection& connection) {
  if (connection.gone) return;
  std::string& output = connection.zmtp.output();
  std::size_t written = 0;
  while (written < output.size()) {
    const auto sent =
        ::send(connection.socket.get(), output.data() + written, output.size() - written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return leave(number, connection);
    if (sent < 0) break;
    written += static_cast<std::size_t>(sent);
  }
  output.erase(0, written);
  if (output.empty() && output.capacity() > kPause) std::string().swap(output);
  const bool paused = output.size() > kPause;
  want(number, connection, (paused ? 0U : kIn) | (output.empty() ? 0U : kOut));
  if (!paused && connection.zmtp.has_message()) give_turn(number, connection);
}

void GatewaySocket::Impl::want(PeerId number, GatewayConnection& connection, std::uint32_t events) const {
  if (connection.events == events) return;
  connection.events = events;
  watch(EPOLL_CTL_MOD, connection.socket.get(), events, number);
}

void GatewaySocket::Impl::leave(PeerId number, GatewayConnection& connection) {
  if (connection.gone) return;
  connection.gone = true;
  // By hand: a child on its way to exec may hold the descriptor too, and epoll would go on telling of it.
  watch(EPOLL_CTL_DEL, connection.socket.get(), 0, number);
  connection.socket = FileDescriptor(-1);
  connection.door.half_open.erase(number);
  connection.door.strangers.erase(number);
  if (connection.zmtp.has_message()) give_turn(number, connection);
  left.push_back(number);
}

void GatewaySocket::Impl::bury() {
  if (left.empty()) return;
  for (const PeerId number : left) {
    const auto found = connections.find(number);
    if (found != connections.end() && !found->second.zmtp.has_message()) connections.erase(found);
  }
  left.clear();
  resume_accepting();
}

void GatewaySocket::Impl::flush() {
  std::vector<PeerId> numbers;
  numbers.swap(dirty);
  for (const PeerId number : numbers) {
    const auto found = connections.find(number);
    if (found == connections.end()) continue;
    found->second.dirty = false;
    write(number, found->second);
  }
  bury();
}

void GatewaySocket::Impl::linger() {
  flush();
  const TimePoint end = clock.now() + kLinger;
  for (;;) {
    std::vector<pollfd> waits;
    for (auto& [number, connection] : connections) {
      if (!connection.gone && !connection.zmtp.output().empty()) {
        waits.push_back({connection.socket.get(), POLLOUT, 0});
        mark(number, connection);
      }
    }
    const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now());
    if (waits.empty() || remaining.count() <= 0) return;
    ::poll(waits.data(), waits.size(), static_cast<int>(remaining.count()));
    flush();
  }
}

Result<std::unique_ptr<GatewaySocket>> GatewaySocket::open(GatewaySocketOptions options, Entropy& entropy,
                                                           const Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(options), entropy, clock);
  if (!impl->epoll) return fail(schemas::ErrorCode::resource_exhausted, "no file descriptor left for the gateway");
  if (auto opened = impl->open_doors(); !opened) return fail(opened.error());
  return std::unique_ptr<GatewaySocket>(new GatewaySocket(std::move(impl)));
}

GatewaySocket::GatewaySocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GatewaySocket::~GatewaySocket() {
  for (GatewayDoor& door : impl_->doors) door.listener.withdraw();
  impl_->linger();
}

int GatewaySocket::fd() const { return impl_->epoll.get(); }

bool GatewaySocket::readable() {
  if (impl_->turns.empty()) {
    impl_->poll();
    impl_->flush();
  }
  return !impl_->turns.empty();
}

bool GatewaySocket::receive(Message& message) {
  Impl& impl = *impl_;
  // Whether or not another one is there.
  impl.current = ZmtpMessage();
  if (impl.turns.empty() || ++impl.taken > kTakenBetweenPolls) impl.poll();
  while (!impl.turns.empty()) {
    const PeerId number = impl.turns.front();
    impl.turns.pop_front();
    const auto found = impl.connections.find(number);
    if (found == impl.connections.end()) continue;
    GatewayConnection& connection = found->second;
    connection.has_turn = false;
    if (stalled(connection)) continue;
    impl.current = connection.zmtp.next();
    message.peer = number;
    if (!connection.zmtp.has_message() && !connection.unread.empty()) {
      impl.feed(number, connection, connection.unread);
    } else if (connection.zmtp.has_message()) {
      impl.give_turn(number, connection);
    } else if (connection.gone) {
      impl.left.push_back(number);
    }
    impl.views.assign(impl.current.frames.begin(), impl.current.frames.end());
    message.frames = impl.views;
    message.count = impl.current.count;
    message.refused.reset();
    if (impl.current.fate == ZmtpMessage::Fate::too_long) {
      message.refused = request_too_long(impl.current.bytes, impl.options.max_request_bytes);
    } else if (impl.current.fate == ZmtpMessage::Fate::no_room) {
      message.refused = no_room_for_requests(impl.options.max_received_bytes);
    }
    return true;
  }
  return false;
}

bool GatewaySocket::send(const ReturnPath& path, std::string_view body) {
  const auto found = impl_->connections.find(path.peer);
  if (found == impl_->connections.end() || found->second.gone) return false;
  GatewayConnection& connection = found->second;
  if (connection.zmtp.output().size() > kMaxOutput) return false;
  std::array<std::string_view, 3> frames{std::string_view(), header_of(path.encoding), body};
  connection.zmtp.send(std::span<const std::string_view>(frames).subspan(path.empty_frame ? 0 : 1));
  impl_->mark(path.peer, connection);
  return true;
}

void GatewaySocket::flush() { impl_->flush(); }

void GatewaySocket::vouch(PeerId peer) {
  for (GatewayDoor& door : impl_->doors) {
    if (!door.strangers.empty()) door.strangers.erase(peer);
  }
}

std::optional<TimePoint> GatewaySocket::next_deadline() const {
  std::optional<TimePoint> first;
  const auto earlier = [&](TimePoint other) {
    if (!first || other < *first) first = other;
  };
  for (const GatewayDoor& door : impl_->doors) {
    if (door.resume_at) earlier(*door.resume_at);
    if (door.half_open.empty()) continue;
    earlier(impl_->connections.at(*door.half_open.begin()).accepted + impl_->options.handshake_timeout);
  }
  return first;
}

void GatewaySocket::expire() {
  const TimePoint now = impl_->clock.now();
  for (GatewayDoor& door : impl_->doors) impl_->expire(door, now);
}

// Its connections in the kernel's queue are clients as well, and have perhaps sent something.
void GatewaySocket::withdraw() {
  for (GatewayDoor& door : impl_->doors) {
    door.listener.withdraw();
    impl_->accept_some(door, static_cast<int>(impl_->options.max_connections));
  }
  impl_->withdrawn = true;
  for (GatewayDoor& door : impl_->doors) impl_->pause_accepting(door, {});
}

std::size_t GatewaySocket::connections() const { return impl_->connections.size(); }
std::size_t GatewaySocket::half_open() const { return impl_->half_open(); }
const GatewayTroubles& GatewaySocket::troubles() const { return impl_->troubles; }

std::vector<std::string> GatewaySocket::endpoints() const {
  std::vector<std::string> endpoints;
  for (const GatewayDoor& door : impl_->doors) endpoints.push_back(door.listener.endpoint());
  return endpoints;
}

std::string GatewaySocket::peer_name(PeerId peer) const {
  const auto found = impl_->connections.find(peer);
  return found == impl_->connections.end() || found->second.gone ? std::string() : Impl::name_of(found->second);
}

}  // namespace solo::producers
