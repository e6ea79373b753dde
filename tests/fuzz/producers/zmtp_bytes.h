// The bytes a ZeroMQ client begins with.
#pragma once

#include <string>
#include <string_view>

namespace solo::test {

inline std::string zmtp_greeting(std::string_view mechanism) {
  std::string bytes("\xff\0\0\0\0\0\0\0\0\x7f\3\1", 12);
  bytes.append(mechanism).resize(64);
  return bytes;
}

inline std::string zmtp_ready() {
  const std::string ready("\5READY\13Socket-Type\0\0\0\6DEALER", 28);
  return std::string(1, '\4').append(1, static_cast<char>(ready.size())).append(ready);
}

}  // namespace solo::test
