// A client without ZeroMQ: bytes to and from the command socket.
#pragma once

#include <string>
#include <string_view>

#include "producers/file_io.h"

namespace solo::testing {

class RawConnection {
 public:
  /// To a Unix socket's path or a tcp endpoint with an IPv4 address. A test failure if it takes none.
  explicit RawConnection(const std::string& where);

  /// false: the other end has closed it.
  bool send(std::string_view bytes);
  /// Exactly so many bytes from the other end; fewer: it has closed, or they did not come in kPatience.
  std::string receive(std::size_t count);
  int fd() const { return socket_.get(); }
  /// Waits until the other end has closed it; false: not in kPatience.
  bool closed();

  /// What a DEALER says before its first message.
  static std::string greeting();

 private:
  producers::FileDescriptor socket_;
};

}  // namespace solo::testing
