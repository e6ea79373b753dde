#include "tests/integration/gateway/raw_connection.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "tests/integration/gateway/world.h"

namespace solo::testing {

RawConnection::RawConnection(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
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
