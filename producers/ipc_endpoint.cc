#include "producers/ipc_endpoint.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "producers/file_io.h"
#include "schemas/text.h"

namespace solo::producers {

using schemas::ErrorCode;
using schemas::fail;

schemas::Result<std::string> ipc_path(const std::string& endpoint) {
  constexpr std::string_view kIpc = "ipc://";
  if (endpoint.rfind(kIpc, 0) != 0) {
    return fail(ErrorCode::invalid_argument, schemas::quote(endpoint) + " is not an endpoint",
                "use ipc://PATH or tcp://ADDRESS:PORT");
  }
  std::string path = endpoint.substr(kIpc.size());
  // `*` and `@` are ZeroMQ's wildcard and abstract namespace: neither is guarded by a directory.
  if (path.empty() || path.front() == '*' || path.front() == '@' || path.find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid_argument, schemas::quote(endpoint) + " names no path", "use ipc://PATH");
  }
  if (path.size() > kMaxSocketPath) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the socket's path {} is {} bytes long, a Unix socket's may be {}", path, path.size(),
                            kMaxSocketPath),
                "use a state directory with a shorter path");
  }
  return path;
}

SocketState probe_socket(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return errno == EACCES || errno == EPERM ? SocketState::forbidden : SocketState::absent;
  }
  if (!S_ISSOCK(info.st_mode)) return SocketState::foreign;
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return SocketState::busy;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), kMaxSocketPath));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return SocketState::listening;
  }
  switch (errno) {
    case ENOENT:
      return SocketState::absent;
    case ECONNREFUSED:
      return SocketState::dead;
    case EACCES:
    case EPERM:
      return SocketState::forbidden;
    default:
      return SocketState::busy;
  }
}

}  // namespace solo::producers
