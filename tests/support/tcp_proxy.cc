#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace solo::testing {
namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

Socket connect_to(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Socket();
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

bool send_all(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const auto sent = ::send(to, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

using Clock = std::chrono::steady_clock;

/// Bytes on their way.
struct Parcel {
  Clock::time_point due;
  std::vector<char> bytes;
};

struct Connection {
  Socket client;
  /// None: taken by a black hole.
  Socket server;
  bool lossy = false;
  std::deque<Parcel> to_server = {};
  std::deque<Parcel> to_client = {};
};

}  // namespace

struct TcpProxy::Impl {
  Socket listener;
  Socket waker;
  std::uint16_t port = 0;
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> swallowed = 0;
  std::atomic<std::uint64_t> answered = 0;

  std::mutex mutex;
  std::condition_variable taken;
  Mode wanted = Mode::forward;
  std::chrono::milliseconds wanted_delay{0};
  std::uint16_t target = 0;
  std::uint64_t asked = 0;
  std::uint64_t done = 0;
  bool stopping = false;

  // The thread's own.
  Mode mode = Mode::forward;
  std::chrono::milliseconds delay{0};
  std::uint16_t to = 0;
  std::list<Connection> connections;
  std::thread thread;

  void wake() const {
    const std::uint64_t one = 1;
    if (write(waker.get(), &one, sizeof one) != sizeof one) give_up("eventfd");
  }

  /// false: stop.
  bool take_orders() {
    std::uint64_t count = 0;
    if (read(waker.get(), &count, sizeof count) != sizeof count) give_up("eventfd");
    const std::lock_guard lock(mutex);
    mode = wanted;
    delay = wanted_delay;
    to = target;
    if (mode == Mode::forward) connections.remove_if([](const Connection& one) { return one.lossy; });
    done = asked;
    taken.notify_all();
    return !stopping;
  }

  void accept_one() {
    Socket client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    ++accepted;
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (mode == Mode::swallow) {
      connections.push_back({std::move(client), Socket(), true});
    } else if (Socket server = connect_to(to)) {
      connections.push_back({std::move(client), std::move(server), false});
    }
  }

  /// false: the connection has ended.
  bool move(Connection& connection, bool from_client) {
    std::array<char, 65536> bytes;
    const int from = (from_client ? connection.client : connection.server).get();
    const auto size = ::recv(from, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    if (!from_client) answered += static_cast<std::uint64_t>(size);
    const bool lost = mode == Mode::swallow || (mode == Mode::swallow_answers && !from_client) || !connection.server;
    if (!lost) {
      auto& way = from_client ? connection.to_server : connection.to_client;
      if (delay.count() == 0 && way.empty()) {
        return send_all((from_client ? connection.server : connection.client).get(), bytes.data(),
                        static_cast<std::size_t>(size));
      }
      way.push_back({Clock::now() + delay, {bytes.data(), bytes.data() + size}});
      return true;
    }
    connection.lossy = true;
    if (from_client) swallowed += static_cast<std::uint64_t>(size);
    return true;
  }

  /// false: the connection has ended.
  static bool pass_on(std::deque<Parcel>& way, int receiver, std::optional<Clock::time_point>& next) {
    for (; !way.empty() && way.front().due <= Clock::now(); way.pop_front()) {
      if (!send_all(receiver, way.front().bytes.data(), way.front().bytes.size())) return false;
    }
    if (!way.empty()) next = next ? std::min(*next, way.front().due) : way.front().due;
    return true;
  }

  /// Passes on what is due. Milliseconds until something else is; -1: nothing is on its way.
  int pass_on() {
    std::optional<Clock::time_point> next;
    connections.remove_if([&](Connection& one) {
      return !pass_on(one.to_server, one.server.get(), next) || !pass_on(one.to_client, one.client.get(), next);
    });
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  void run() {
    for (;;) {
      const int time = pass_on();
      std::vector<pollfd> watched{{waker.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}};
      for (const auto& one : connections) {
        watched.push_back({one.client.get(), POLLIN, 0});
        watched.push_back({one.server.get(), POLLIN, 0});
      }
      if (::poll(watched.data(), watched.size(), time) < 0 && errno != EINTR) give_up("poll");
      // Orders last: what had arrived before them goes the old way.
      std::size_t at = 2;
      for (auto one = connections.begin(); one != connections.end(); at += 2) {
        bool open = true;
        if (watched[at].revents != 0) open = move(*one, true);
        if (open && watched[at + 1].revents != 0) open = move(*one, false);
        one = open ? std::next(one) : connections.erase(one);
      }
      if (watched[1].revents != 0) accept_one();
      if (watched[0].revents != 0 && !take_orders()) return;
    }
  }

  template <class Change>
  void order(Change change) {
    std::unique_lock lock(mutex);
    change();
    const auto mine = ++asked;
    wake();
    taken.wait(lock, [&] { return done >= mine; });
  }
};

TcpProxy::TcpProxy() : impl_(std::make_unique<Impl>()) {
  impl_->listener = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  impl_->waker = Socket(::eventfd(0, EFD_CLOEXEC));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(impl_->listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(impl_->listener.get(), SOMAXCONN) != 0 ||
      ::getsockname(impl_->listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    give_up("listening on loopback");
  }
  impl_->port = ntohs(address.sin_port);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

TcpProxy::~TcpProxy() {
  impl_->order([&] { impl_->stopping = true; });
  impl_->thread.join();
}

std::string TcpProxy::address() const { return "127.0.0.1:" + std::to_string(impl_->port); }

void TcpProxy::set_target(const std::string& address) {
  const int port = std::atoi(address.substr(address.rfind(':') + 1).c_str());
  impl_->order([&] { impl_->target = static_cast<std::uint16_t>(port); });
}

void TcpProxy::set_mode(Mode mode) {
  impl_->order([&] { impl_->wanted = mode; });
}

void TcpProxy::set_delay(std::chrono::milliseconds delay) {
  impl_->order([&] { impl_->wanted_delay = delay; });
}

std::uint64_t TcpProxy::accepted() const { return impl_->accepted; }
std::uint64_t TcpProxy::answered() const { return impl_->answered; }
std::uint64_t TcpProxy::swallowed() const { return impl_->swallowed; }

}  // namespace solo::testing
