#include "producers/gateway_socket.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <zmq.hpp>

#include "producers/ipc_endpoint.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// Replies, per connection: all that one may have in flight, so that a client which sends first and reads later loses
/// none.
constexpr int kSendQueue = 1'100;
/// Requests, per connection: beyond it the client's own queue fills.
constexpr int kReceiveQueue = 256;
constexpr std::int64_t kMaxFrame = 16 * 1024 * 1024;
constexpr int kBacklog = 1024;
constexpr int kLingerMs = 1'000;
/// An empty frame, header, body; and one more to see that there are too many.
constexpr std::size_t kMaxFrames = 4;

Result<void> check_directory(const std::filesystem::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return fail(ErrorCode::unavailable, fmt::format("the command socket's directory {} cannot be used: {}",
                                                    directory.native(), std::generic_category().message(errno)));
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
      return fail(ErrorCode::unavailable, fmt::format("the socket {} of a dead daemon cannot be removed: {}", path,
                                                      std::generic_category().message(errno)));
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

}  // namespace

struct GatewaySocket::Impl {
  zmq::context_t context;
  zmq::socket_t socket;
  std::string path;
  int fd = -1;
  std::array<zmq::message_t, kMaxFrames> parts;
  std::array<std::string_view, kMaxFrames> views;

  Impl(const std::string& endpoint, const std::string& bound_to) : socket(context, zmq::socket_type::router) {
    socket.set(zmq::sockopt::router_mandatory, true);
    // A client that comes back under its own routing id is heard, whether or not its old connection is gone yet.
    socket.set(zmq::sockopt::router_handover, true);
    socket.set(zmq::sockopt::sndhwm, kSendQueue);
    socket.set(zmq::sockopt::rcvhwm, kReceiveQueue);
    socket.set(zmq::sockopt::maxmsgsize, kMaxFrame);
    socket.set(zmq::sockopt::backlog, kBacklog);
    socket.set(zmq::sockopt::linger, kLingerMs);
    socket.bind(endpoint);
    path = bound_to;
    fd = socket.get(zmq::sockopt::fd);
  }

  ~Impl() { withdraw(); }

  void withdraw() {
    if (!path.empty()) ::unlink(path.c_str());
    path.clear();
  }

  /// Receives one frame; false: there is none, or the wait was interrupted.
  bool receive(zmq::message_t& frame) { return zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0; }

  bool send(std::string_view frame, int more) {
    return zmq_send(socket.handle(), frame.data(), frame.size(), ZMQ_DONTWAIT | more) >= 0;
  }
};

Result<std::unique_ptr<GatewaySocket>> GatewaySocket::bind(const std::string& endpoint) {
  const auto path = ipc_path(endpoint);
  if (!path) return fail(path.error());
  const auto directory = std::filesystem::path(*path).parent_path();
  if (auto good = check_directory(directory.empty() ? "." : directory); !good) return fail(good.error());
  if (auto good = make_room(*path); !good) return fail(good.error());
  try {
    return std::unique_ptr<GatewaySocket>(new GatewaySocket(std::make_unique<Impl>(endpoint, *path)));
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::unavailable, fmt::format("the command socket {} cannot be made: {}", *path, error.what()));
  }
}

GatewaySocket::GatewaySocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GatewaySocket::~GatewaySocket() = default;

int GatewaySocket::fd() const { return impl_->fd; }

bool GatewaySocket::readable() {
  int events = 0;
  std::size_t size = sizeof events;
  return zmq_getsockopt(impl_->socket.handle(), ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

bool GatewaySocket::receive(Message& message) {
  zmq::message_t& first = impl_->parts[0];
  if (!impl_->receive(first)) return false;
  message.peer.assign(first.data<char>(), first.size());
  message.count = 0;
  // The rest of a message is there as soon as its first frame is.
  for (bool more = first.more(); more; ++message.count) {
    zmq::message_t& part = impl_->parts[std::min(message.count, kMaxFrames - 1)];
    while (!impl_->receive(part)) {
      if (errno != EINTR) return false;
    }
    more = part.more();
  }
  const std::size_t kept = std::min(message.count, kMaxFrames);
  for (std::size_t i = 0; i < kept; ++i) impl_->views[i] = {impl_->parts[i].data<char>(), impl_->parts[i].size()};
  message.frames = {impl_->views.data(), kept};
  return true;
}

bool GatewaySocket::send(const ReturnPath& path, std::string_view body) {
  if (!impl_->send(path.peer, ZMQ_SNDMORE)) return false;
  if (path.empty_frame && !impl_->send({}, ZMQ_SNDMORE)) return false;
  return impl_->send(header_of(path.encoding), ZMQ_SNDMORE) && impl_->send(body, 0);
}

// Not zmq_unbind: that would end the connections too.
void GatewaySocket::withdraw() { impl_->withdraw(); }

}  // namespace solo::producers
