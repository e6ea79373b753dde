// `ipc://PATH` endpoints: their form, and who is at the path. Functions are thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "schemas/result.h"

namespace solo::producers {

/// What a Unix socket's path can hold, less its closing NUL.
inline constexpr std::size_t kMaxSocketPath = 107;

/// The path of an `ipc://` endpoint. invalid_argument: another transport, no path, or one over kMaxSocketPath bytes.
schemas::Result<std::string> ipc_path(const std::string& endpoint);

enum class SocketState : std::uint8_t {
  absent,
  /// Something is there, and it is no socket.
  foreign,
  /// A socket whose program is gone.
  dead,
  listening,
  /// Its program does not accept: it is frozen or has too much to do.
  busy,
  /// This user may not open it, or a directory above it.
  forbidden,
};

/// Tries a connection, without waiting.
SocketState probe_socket(const std::string& path);

}  // namespace solo::producers
