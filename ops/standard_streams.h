// What both programs do first.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace solo::ops {

/// Opens standard streams that are closed, so that no file of ours can take their place and be written to as one.
/// `mode` O_RDWR: what is written there is lost; O_RDONLY: writing fails (EBADF), as it would have.
inline void open_standard_streams(int mode) {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (fcntl(stream, F_GETFD) == -1) (void)open("/dev/null", mode);
  }
}

}  // namespace solo::ops
