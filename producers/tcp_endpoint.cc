#include "producers/tcp_endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "schemas/text.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::string_view kTcp = "tcp://";
constexpr const char* kForm = "use tcp://ADDRESS:PORT, for example tcp://127.0.0.1:5555 or tcp://[::1]:5555";

// A connection without a word for kIdleSeconds is asked kProbes times, kProbeSeconds apart; what was sent and not
// taken for kUserTimeoutMs ends it, too.
constexpr int kIdleSeconds = 60;
constexpr int kProbeSeconds = 10;
constexpr int kProbes = 6;
constexpr int kUserTimeoutMs = 120'000;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

std::optional<Address> address_of(const TcpEndpoint& endpoint) {
  Address address;
  sockaddr_in four{};
  if (::inet_pton(AF_INET, endpoint.host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(endpoint.port);
    address.size = sizeof four;
    std::memcpy(&address.bytes, &four, sizeof four);
    return address;
  }
  sockaddr_in6 six{};
  if (::inet_pton(AF_INET6, endpoint.host.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(endpoint.port);
    address.size = sizeof six;
    std::memcpy(&address.bytes, &six, sizeof six);
    return address;
  }
  return std::nullopt;
}

std::string text_of(const sockaddr_storage& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &bytes, sizeof four);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return fmt::format("tcp://{}:{}", text.data(), ntohs(four.sin_port));
  }
  if (bytes.ss_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &bytes, sizeof six);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
    return fmt::format("tcp://[{}]:{}", text.data(), ntohs(six.sin6_port));
  }
  return {};
}

void set(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

schemas::Error not_listening(const std::string& endpoint, int number) {
  const std::string why = std::generic_category().message(number);
  if (number == EADDRINUSE) {
    return {ErrorCode::already_exists, fmt::format("somebody listens at {} already", endpoint),
            "stop it first, or take another port; port 0 takes a free one"};
  }
  return {ErrorCode::unavailable, fmt::format("cannot listen at {}: {}", endpoint, why),
          "see `ip address` for the addresses of this machine; ports below 1024 are for root"};
}

}  // namespace

bool is_tcp(std::string_view endpoint) { return endpoint.substr(0, kTcp.size()) == kTcp; }

Result<TcpEndpoint> parse_tcp(const std::string& endpoint) {
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} {}", schemas::quote(endpoint), what), kForm);
  };
  if (!is_tcp(endpoint)) return refuse("is not a tcp endpoint");
  const std::string_view rest = std::string_view(endpoint).substr(kTcp.size());
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return refuse("names no port");
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  TcpEndpoint parsed;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (error != std::errc() || end != port.data() + port.size()) return refuse("has no port between 0 and 65535");
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return refuse("has an IPv6 address without brackets");
  if (host.empty() || host == "*") return refuse("names no host: for every address say 0.0.0.0 or [::]");
  if (host.find_first_of("[]*;/@ ") != std::string_view::npos || host.find('\0') != std::string_view::npos) {
    return refuse("has a host that cannot be one");
  }
  parsed.host = host;
  return parsed;
}

Result<TcpEndpoint> parse_tcp_to_listen(const std::string& endpoint) {
  auto parsed = parse_tcp(endpoint);
  if (parsed && !address_of(*parsed)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} names a host, and one listens at an address", schemas::quote(endpoint)), kForm);
  }
  return parsed;
}

Result<FileDescriptor> listen_tcp(const std::string& endpoint, int backlog) {
  const auto parsed = parse_tcp_to_listen(endpoint);
  if (!parsed) return fail(parsed.error());
  const auto address = address_of(*parsed);
  FileDescriptor socket(::socket(address->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail(not_listening(endpoint, errno));
  // The former daemon's connections may still be in TIME_WAIT.
  set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address->get()->sa_family == AF_INET6) set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(socket.get(), address->get(), address->size) != 0 || ::listen(socket.get(), backlog) != 0) {
    return fail(not_listening(endpoint, errno));
  }
  return socket;
}

void set_up_tcp(int fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

std::string local_tcp(int fd) {
  Address address;
  address.size = sizeof address.bytes;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.bytes), &address.size) != 0) return {};
  return text_of(address.bytes);
}

std::string remote_tcp(int fd) {
  Address address;
  address.size = sizeof address.bytes;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address.bytes), &address.size) != 0) return {};
  return text_of(address.bytes);
}

}  // namespace solo::producers
