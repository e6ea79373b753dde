// A client without ZeroMQ: bytes to and from the command socket.
#pragma once

#include <string>
#include <string_view>

#include "producers/file_io.h"

namespace solo::testing {

class RawConnection {
 public:
  /// A test failure if the path takes none.
  explicit RawConnection(const std::string& path);

  /// false: the other end has closed it.
  bool send(std::string_view bytes);
  /// Waits until the other end has closed it; false: not in kPatience.
  bool closed();

  /// What a DEALER says before its first message.
  static std::string greeting();

 private:
  producers::FileDescriptor socket_;
};

}  // namespace solo::testing
