#include "producers/gateway_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <set>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "producers/gateway_listener.h"
#include "producers/gateway_replies.h"
#include "producers/secret_bytes.h"
#include "producers/zmtp_connection.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using TimePoint = std::chrono::steady_clock::time_point;

/// With so many bytes of replies waiting to be read by it, a connection's requests wait too.
constexpr std::size_t kPause = 64 * 1024;
constexpr std::size_t kMaxOutput = 8 * 1024 * 1024;
constexpr std::size_t kReadAtOnce = 32 * 1024;
constexpr int kAcceptAtOnce = 64;
/// Messages taken before the connections are looked at again.
constexpr int kTakenBetweenPolls = 64;
/// What header and empty frames may add to a request's bytes.
constexpr std::size_t kFrameSlack = 1'024;
constexpr std::chrono::milliseconds kLinger{1'000};
/// So long does one that has just come keep its place among those that have not shaken hands.
constexpr std::chrono::milliseconds kGrace{250};
/// When there was no descriptor for a connection.
constexpr std::chrono::milliseconds kRetryAccept{100};

constexpr std::uint32_t kIn = EPOLLIN;
constexpr std::uint32_t kOut = EPOLLOUT;
/// In epoll's data; connections have greater ones.
constexpr PeerId kListener = 0;

struct Connection {
  Connection(FileDescriptor descriptor, const ZmtpConnection::Options& options, ZmtpConnection::Budget& budget,
             Entropy& entropy)
      : socket(std::move(descriptor)), zmtp(options, budget, entropy) {}
  ~Connection() { wipe(unread); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// It does not read its replies.
  bool stalled() { return !gone && zmtp.output().size() > kPause; }

  FileDescriptor socket;
  ZmtpConnection zmtp;
  /// Read, and not taken by zmtp yet.
  std::string unread;
  TimePoint accepted;
  /// Waits in `turns`.
  bool has_turn = false;
  bool dirty = false;
  /// The client is gone; what it sent before is still served.
  bool gone = false;
  std::uint32_t events = kIn;
};

}  // namespace

struct GatewaySocket::Impl {
  Impl(GatewaySocketOptions socket_options, GatewayListener socket, Entropy& random, const Clock& system_clock)
      : options(std::move(socket_options)),
        entropy(random),
        clock(system_clock),
        listener(std::move(socket)),
        epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    zmtp.max_message = options.max_request_bytes + kFrameSlack;
    budget.limit = options.max_received_bytes;
  }

  bool watch(int operation, int fd, std::uint32_t events, PeerId number) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
  }

  void poll();
  void accept_some(int most);
  bool make_room();
  void pause_accepting(std::optional<TimePoint> until);
  void resume_accepting();
  void read(PeerId number, Connection& connection);
  void feed(PeerId number, Connection& connection, std::string_view bytes);
  void after_feed(PeerId number, Connection& connection);
  void give_turn(PeerId number, Connection& connection);
  void mark(PeerId number, Connection& connection);
  void write(PeerId number, Connection& connection);
  void want(PeerId number, Connection& connection, std::uint32_t events) const;
  void leave(PeerId number, Connection& connection);
  void bury();
  void flush();
  void linger();

  GatewaySocketOptions options;
  Entropy& entropy;
  const Clock& clock;
  GatewayListener listener;
  FileDescriptor epoll;
  bool accepting = false;
  bool withdrawn = false;
  std::optional<TimePoint> resume_at;

  ZmtpConnection::Options zmtp;
  ZmtpConnection::Budget budget;
  std::unordered_map<PeerId, Connection> connections;
  /// Those that have not shaken hands, oldest first.
  std::set<PeerId> half_open;
  PeerId next_number = kListener + 1;
  /// Connections with messages, in the order in which they are served.
  std::deque<PeerId> turns;
  std::vector<PeerId> dirty;
  /// Gone, and removed by bury(), when nobody holds a reference.
  std::vector<PeerId> left;
  int taken = 0;

  std::array<char, kReadAtOnce> buffer{};
  ZmtpMessage current;
  std::vector<std::string_view> views;
};

void GatewaySocket::Impl::poll() {
  bury();
  taken = 0;
  std::array<epoll_event, 128> events{};
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kListener) {
      accept_some(kAcceptAtOnce);
      continue;
    }
    const auto found = connections.find(event.data.u64);
    if (found == connections.end()) continue;
    Connection& connection = found->second;
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

void GatewaySocket::Impl::accept_some(int most) {
  for (int i = 0; i < most && make_room(); ++i) {
    FileDescriptor socket = listener.accept();
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        pause_accepting(clock.now() + kRetryAccept);
      }
      // Anything else was the end of that one connection, and epoll tells whether there are more.
      return;
    }
    const PeerId number = next_number++;
    const int fd = socket.get();
    auto& connection = connections.try_emplace(number, std::move(socket), zmtp, budget, entropy).first->second;
    connection.accepted = clock.now();
    half_open.insert(number);
    if (watch(EPOLL_CTL_ADD, fd, EPOLLIN, number)) {
      mark(number, connection);
    } else {
      leave(number, connection);
    }
  }
}

/// For one more connection. false: accepting has to wait.
bool GatewaySocket::Impl::make_room() {
  const bool full = connections.size() >= options.max_connections;
  if (!full && half_open.size() < options.max_half_open) return true;
  if (half_open.empty()) {
    pause_accepting({});
    return false;
  }
  Connection& oldest = connections.at(*half_open.begin());
  if (clock.now() < oldest.accepted + kGrace) {
    pause_accepting(oldest.accepted + kGrace);
    return false;
  }
  leave(*half_open.begin(), oldest);
  bury();
  return true;
}

void GatewaySocket::Impl::pause_accepting(std::optional<TimePoint> until) {
  resume_at = until;
  if (accepting) watch(EPOLL_CTL_MOD, listener.fd(), 0, kListener);
  accepting = false;
}

void GatewaySocket::Impl::resume_accepting() {
  resume_at.reset();
  if (accepting || withdrawn) return;
  accepting = watch(EPOLL_CTL_MOD, listener.fd(), EPOLLIN, kListener);
}

void GatewaySocket::Impl::read(PeerId number, Connection& connection) {
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

void GatewaySocket::Impl::feed(PeerId number, Connection& connection, std::string_view bytes) {
  connection.zmtp.feed(bytes);
  // Not connection.unread itself: `bytes` may point into it.
  std::string rest(bytes);
  wipe(connection.unread);
  connection.unread.swap(rest);
  after_feed(number, connection);
}

void GatewaySocket::Impl::after_feed(PeerId number, Connection& connection) {
  if (connection.zmtp.has_message()) give_turn(number, connection);
  if (!connection.zmtp.output().empty()) mark(number, connection);
  if (connection.zmtp.state() == ZmtpConnection::State::broken) {
    write(number, connection);
    return leave(number, connection);
  }
  if (connection.zmtp.state() == ZmtpConnection::State::open && half_open.erase(number) != 0) resume_accepting();
}

void GatewaySocket::Impl::give_turn(PeerId number, Connection& connection) {
  if (connection.has_turn || connection.stalled()) return;
  connection.has_turn = true;
  turns.push_back(number);
}

void GatewaySocket::Impl::mark(PeerId number, Connection& connection) {
  if (std::exchange(connection.dirty, true)) return;
  dirty.push_back(number);
}

void GatewaySocket::Impl::write(PeerId number, Connection& connection) {
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

void GatewaySocket::Impl::want(PeerId number, Connection& connection, std::uint32_t events) const {
  if (connection.events == events) return;
  connection.events = events;
  watch(EPOLL_CTL_MOD, connection.socket.get(), events, number);
}

void GatewaySocket::Impl::leave(PeerId number, Connection& connection) {
  if (connection.gone) return;
  connection.gone = true;
  // By hand: a child on its way to exec may hold the descriptor too, and epoll would go on telling of it.
  watch(EPOLL_CTL_DEL, connection.socket.get(), 0, number);
  connection.socket = FileDescriptor(-1);
  half_open.erase(number);
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
  auto listener = GatewayListener::open(options.endpoint);
  if (!listener) return fail(listener.error());
  auto impl = std::make_unique<Impl>(std::move(options), *std::move(listener), entropy, clock);
  if (!impl->epoll || !impl->watch(EPOLL_CTL_ADD, impl->listener.fd(), EPOLLIN, kListener)) {
    return fail(ErrorCode::unavailable, fmt::format("the command socket {} cannot be watched: {}",
                                                    impl->options.endpoint, std::generic_category().message(errno)));
  }
  impl->accepting = true;
  return std::unique_ptr<GatewaySocket>(new GatewaySocket(std::move(impl)));
}

GatewaySocket::GatewaySocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GatewaySocket::~GatewaySocket() {
  impl_->listener.withdraw();
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
  if (impl.turns.empty() || ++impl.taken > kTakenBetweenPolls) impl.poll();
  while (!impl.turns.empty()) {
    const PeerId number = impl.turns.front();
    impl.turns.pop_front();
    const auto found = impl.connections.find(number);
    if (found == impl.connections.end()) continue;
    Connection& connection = found->second;
    connection.has_turn = false;
    if (connection.stalled()) continue;
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
  Connection& connection = found->second;
  if (connection.zmtp.output().size() > kMaxOutput) return false;
  std::array<std::string_view, 3> frames{std::string_view(), header_of(path.encoding), body};
  connection.zmtp.send(std::span<const std::string_view>(frames).subspan(path.empty_frame ? 0 : 1));
  impl_->mark(path.peer, connection);
  return true;
}

void GatewaySocket::flush() { impl_->flush(); }

std::optional<TimePoint> GatewaySocket::next_deadline() const {
  std::optional<TimePoint> first = impl_->resume_at;
  if (!impl_->half_open.empty()) {
    const TimePoint until =
        impl_->connections.at(*impl_->half_open.begin()).accepted + impl_->options.handshake_timeout;
    if (!first || until < *first) first = until;
  }
  return first;
}

void GatewaySocket::expire() {
  const TimePoint now = impl_->clock.now();
  while (!impl_->half_open.empty()) {
    const PeerId number = *impl_->half_open.begin();
    Connection& connection = impl_->connections.at(number);
    if (now < connection.accepted + impl_->options.handshake_timeout) break;
    impl_->leave(number, connection);
  }
  impl_->bury();
  if (impl_->resume_at && now >= *impl_->resume_at) impl_->resume_accepting();
}

// Its connections in the kernel's queue are clients as well, and have perhaps sent something.
void GatewaySocket::withdraw() {
  impl_->listener.withdraw();
  impl_->accept_some(static_cast<int>(impl_->options.max_connections));
  impl_->pause_accepting({});
  impl_->withdrawn = true;
}

std::size_t GatewaySocket::connections() const { return impl_->connections.size(); }
std::size_t GatewaySocket::half_open() const { return impl_->half_open.size(); }

}  // namespace solo::producers
