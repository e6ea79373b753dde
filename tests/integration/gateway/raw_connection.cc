#include "tests/integration/gateway/raw_connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "producers/tcp_endpoint.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {

namespace {

producers::FileDescriptor connect_to(const std::string& where) {
  if (!producers::is_tcp(where)) {
    producers::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, where.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }
  producers::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto parsed = producers::parse_tcp(where);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(parsed->port);
  EXPECT_EQ(::inet_pton(AF_INET, parsed->host.c_str(), &address.sin_addr), 1);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return socket;
}

}  // namespace

RawConnection::RawConnection(const std::string& where) : socket_(connect_to(where)) {}

std::string RawConnection::receive(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t got = 0;
  pollfd wait{socket_.get(), POLLIN, 0};
  while (got<count&& ::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()))> 0) {
    const auto more = ::recv(socket_.get(), bytes.data() + got, count - got, 0);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

bool RawConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawConnection::closed() {
  std::array<char, 4096> bytes{};
  pollfd wait{socket_.get(), POLLIN, 0};
  while (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) > 0) {
    if (::recv(socket_.get(), bytes.data(), bytes.size(), 0) <= 0) return true;
  }
  return false;
}

std::string RawConnection::greeting() {
  std::string bytes("\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL", 16);
  bytes.resize(64);
  const std::string ready("\5READY\13Socket-Type\0\0\0\6DEALER", 6 + 12 + 4 + 6);
  return bytes.append("\4").append(1, static_cast<char>(ready.size())).append(ready);
}

}  // namespace solo::testing
