#include "producers/gateway_listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "producers/ipc_endpoint.h"
#include "producers/tcp_endpoint.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr int kBacklog = 1024;

std::string last_error() { return std::generic_category().message(errno); }

Result<void> check_directory(const std::filesystem::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return fail(ErrorCode::unavailable,
                fmt::format("the command socket's directory {} cannot be used: {}", directory.native(), last_error()));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) == 0 && info.st_uid == ::geteuid()) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("{} is open to other users, and so would be the command socket in it", directory.native()),
              fmt::format("chown it to the daemon's user and chmod 700 {}", directory.native()));
}

Result<void> make_room(const std::string& path) {
  switch (probe_socket(path)) {
    case SocketState::absent:
      return {};
    case SocketState::dead:
      if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
      return fail(ErrorCode::unavailable,
                  fmt::format("the socket {} of a dead daemon cannot be removed: {}", path, last_error()));
    case SocketState::listening:
    case SocketState::busy:
      return fail(ErrorCode::already_exists, fmt::format("another daemon answers at {}", path), "stop it first");
    case SocketState::forbidden:
      return fail(ErrorCode::unavailable, fmt::format("{} belongs to another user", path));
    case SocketState::foreign:
      break;
  }
  return fail(ErrorCode::failed_precondition, fmt::format("{} is not a socket", path), "move it away");
}

Result<FileDescriptor> listen_at(const std::string& path) {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), kMaxSocketPath));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return fail(ErrorCode::unavailable, fmt::format("the command socket {} cannot be made: {}", path, last_error()));
  }
  return socket;
}

}  // namespace

Result<void> GatewayListener::check(const std::string& endpoint) {
  if (producers::is_tcp(endpoint)) return {};
  const auto path = ipc_path(endpoint);
  if (!path) return fail(path.error());
  const auto directory = std::filesystem::path(*path).parent_path();
  return check_directory(directory.empty() ? "." : directory);
}

Result<GatewayListener> GatewayListener::open(const std::string& endpoint) {
  if (producers::is_tcp(endpoint)) {
    auto socket = listen_tcp(endpoint, kBacklog);
    if (!socket) return fail(socket.error());
    std::string bound = local_tcp(socket->get());
    return GatewayListener(*std::move(socket), std::move(bound), {});
  }
  auto path = ipc_path(endpoint);
  if (!path) return fail(path.error());
  if (auto good = check(endpoint); !good) return fail(good.error());
  if (auto good = make_room(*path); !good) return fail(good.error());
  auto socket = listen_at(*path);
  if (!socket) return fail(socket.error());
  return GatewayListener(*std::move(socket), endpoint, *std::move(path));
}

GatewayListener::GatewayListener(FileDescriptor socket, std::string endpoint, std::string path)
    : socket_(std::move(socket)), endpoint_(std::move(endpoint)), path_(std::move(path)) {
  struct stat info {};
  if (!path_.empty() && ::stat(path_.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

GatewayListener::~GatewayListener() { withdraw(); }

FileDescriptor GatewayListener::accept() {
  FileDescriptor accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted && is_tcp()) set_up_tcp(accepted.get());
  return accepted;
}

void GatewayListener::withdraw() {
  struct stat info {};
  if (withdrawn_ || path_.empty()) return;
  withdrawn_ = true;
  if (::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace solo::producers
