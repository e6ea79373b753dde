#include "producers/command_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include "producers/curve_keys.h"
#include "producers/entropy.h"
#include "producers/gateway_frames.h"
#include "producers/ipc_endpoint.h"
#include "producers/tcp_endpoint.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr milliseconds kDefaultTimeout{30'000};
/// So much longer than the daemon's own deadline does the client wait, to hear the daemon's words for it: on Kafka that
/// may take a delivery's timeout longer (5 s unless it is configured otherwise).
constexpr milliseconds kGrace{7'000};
/// How often a wait looks whether the connection is still there.
constexpr milliseconds kLook{50};
constexpr int kKeepaliveIdleSeconds = 60;

/// One for all clients of the process, as long as there are any: its I/O thread serves them in batches.
std::shared_ptr<zmq::context_t> shared_context() {
  static std::mutex mutex;
  static std::weak_ptr<zmq::context_t> held;
  const std::lock_guard lock(mutex);
  auto context = held.lock();
  if (!context) held = context = std::make_shared<zmq::context_t>();
  return context;
}

Result<void> check_reachable(const std::string& path) {
  const char* const start_it = "start it: solod --state-dir DIR; or name another: --state-dir DIR or --addr ipc://PATH";
  switch (probe_socket(path)) {
    case SocketState::listening:
      return {};
    case SocketState::absent:
      return fail(ErrorCode::unavailable, fmt::format("no daemon: there is no socket {}", path), start_it, true);
    case SocketState::dead:
      return fail(ErrorCode::unavailable, fmt::format("no daemon: nothing listens at {}, it has ended", path), start_it,
                  true);
    case SocketState::foreign:
      return fail(ErrorCode::unavailable, fmt::format("no daemon: {} is not a socket", path), start_it);
    case SocketState::forbidden:
      return fail(ErrorCode::unavailable, fmt::format("this user may not open {}", path),
                  "run it as the daemon's user, or as root");
    case SocketState::busy:
      break;
  }
  return fail(ErrorCode::unavailable, fmt::format("the daemon at {} does not take connections", path),
              "it is frozen or overloaded: look at its process and its log", true);
}

/// What the monitor has told of a connection.
struct Course {
  /// There is a connection.
  bool connected = false;
  /// The daemon has taken it: the handshake is done.
  bool taken = false;
  /// It does not allow this client's key.
  bool key_refused = false;
  bool gone = false;
};

/// How ZMTP's ERROR says that a key is not allowed.
constexpr int kZapRefusal = 400;

}  // namespace

struct CommandClient::Impl {
  ClientOptions options;
  /// Where it is, in the messages: a path, or the endpoint.
  std::string where;
  SystemEntropy entropy;
  std::shared_ptr<zmq::context_t> context = shared_context();
  zmq::socket_t socket;
  /// Says when the connection is gone.
  zmq::socket_t monitor;
  bool connected = false;
  Course course;

  ~Impl() { disconnect(); }

  Result<void> reach();
  Error not_reached() const;
  Result<v1::ReplyT> ask(const v1::RequestT& request, TimePoint deadline);
  void connect_socket();
  void set_up_curve();
  void disconnect();
  bool lost();
  /// nothing: it timed out.
  std::optional<v1::ReplyT> receive(std::string_view id, milliseconds wait);
};

void CommandClient::Impl::connect_socket() {
  static std::atomic<std::uint64_t> counter{0};
  const std::string watch = fmt::format("inproc://command-client-{}", ++counter);
  socket = zmq::socket_t(*context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  // After a lost connection the answer would never come, and a command must not be sent again unasked.
  socket.set(zmq::sockopt::reconnect_ivl, -1);
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(kLook.count()));
  if (options.curve) set_up_curve();
  constexpr int kEvents = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(socket.handle(), watch.c_str(), kEvents) != 0) throw zmq::error_t();
  monitor = zmq::socket_t(*context, zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(watch);
  socket.connect(options.endpoint);
  connected = true;
  course = {};
}

void CommandClient::Impl::set_up_curve() {
  const ClientCurve& curve = *options.curve;
  const auto set = [&](int option, const CurveKey& key) {
    if (zmq_setsockopt(socket.handle(), option, key.data(), key.size()) != 0) throw zmq::error_t();
  };
  set(ZMQ_CURVE_SERVERKEY, curve.server);
  set(ZMQ_CURVE_PUBLICKEY, curve.own.public_key);
  set(ZMQ_CURVE_SECRETKEY, curve.own.secret_key);
  // libzmq takes a name's IPv6 address alone when it is told of IPv6 at all.
  socket.set(zmq::sockopt::ipv6, options.endpoint.find('[') != std::string::npos);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepaliveIdleSeconds);
}

void CommandClient::Impl::disconnect() {
  if (socket) zmq_socket_monitor(socket.handle(), nullptr, 0);
  socket.close();
  monitor.close();
  connected = false;
}

bool CommandClient::Impl::lost() {
  zmq::message_t frame;
  // An event is a frame that begins with its number and a value, and one that names the endpoint.
  while (zmq_msg_recv(frame.handle(), monitor.handle(), ZMQ_DONTWAIT) >= 0) {
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    if (!frame.more() || frame.size() < sizeof event + sizeof value) continue;
    std::memcpy(&event, frame.data(), sizeof event);
    std::memcpy(&value, frame.data<char>() + sizeof event, sizeof value);
    if (event == ZMQ_EVENT_CONNECTED) {
      course.connected = true;
    } else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      course.taken = true;
    } else {
      course.gone = true;
      if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && value == kZapRefusal) course.key_refused = true;
    }
  }
  return course.gone;
}

std::optional<v1::ReplyT> CommandClient::Impl::receive(std::string_view id, milliseconds wait) {
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(wait.count()));
  std::vector<zmq::message_t> frames;
  try {
    if (!zmq::recv_multipart(socket, std::back_inserter(frames))) return std::nullopt;
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return std::nullopt;
    throw;
  }
  if (frames.size() != 2 || frames[0].to_string_view() != header_of(Encoding::flatbuffers)) return std::nullopt;
  auto reply = schemas::decode_reply(frames[1].to_string_view());
  // The answer to an earlier request that was given up is none to this one.
  if (!reply || (!reply->id.empty() && reply->id != id)) return std::nullopt;
  return *std::move(reply);
}

Result<v1::ReplyT> CommandClient::Impl::ask(const v1::RequestT& request, TimePoint deadline) {
  const std::string bytes = schemas::encode(request);
  if (bytes.size() > schemas::kMaxRequestBytes) {
    return fail(ErrorCode::resource_exhausted,
                fmt::format("the request is {} bytes long, {} are allowed", bytes.size(), schemas::kMaxRequestBytes));
  }
  try {
    const auto header = zmq::buffer(header_of(Encoding::flatbuffers));
    // Never blocks: it fails when the connection has just been lost, or nothing is being read at the other end.
    if (!socket.send(header, zmq::send_flags::sndmore | zmq::send_flags::dontwait) ||
        !socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) {
      // A handshake that failed at once has its reason told by now.
      (void)lost();
      disconnect();
      return fail(ErrorCode::unavailable, "the daemon takes no requests: this one was not sent", {}, true);
    }
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left <= milliseconds(0)) break;
      if (auto reply = receive(request.id, std::min(left, kLook))) return *std::move(reply);
      if (!lost()) continue;
      // It may have answered with its last breath.
      if (auto reply = receive(request.id, milliseconds(0))) return *std::move(reply);
      disconnect();
      return fail(ErrorCode::unavailable, "the daemon went away before it answered: the outcome is unknown",
                  "send the same request again by the same id: it takes effect once", true);
    }
  } catch (const zmq::error_t& error) {
    disconnect();
    return fail(ErrorCode::unavailable, fmt::format("talking to the daemon failed: {}", error.what()), {}, true);
  }
  return fail(ErrorCode::deadline_exceeded, "the daemon did not answer in time: the outcome is unknown",
              "send the same request again by the same id: it takes effect once", true);
}

Error CommandClient::Impl::not_reached() const {
  const auto unavailable = [](std::string message, std::string hint) {
    return Error{ErrorCode::unavailable, std::move(message), std::move(hint), true};
  };
  const auto waited = options.reach_timeout.count();
  if (course.key_refused) {
    const std::string key = to_z85(options.curve->own.public_key);
    return {ErrorCode::permission_denied,
            fmt::format("the daemon at {} does not allow this client's key {}", where, key),
            "add it to gateway.client_keys in the daemon's configuration, or use another: --client-keys FILE"};
  }
  if (options.curve && !course.connected) {
    return unavailable(fmt::format("no daemon: nothing takes a connection at {}", where),
                       "does it run there, with this address in gateway.listen? can this machine reach it?");
  }
  if (options.curve && !course.taken && course.gone) {
    return unavailable(fmt::format("{} closed the connection during the handshake", where),
                       "is --server-key the public key of that daemon? `solo keys show` on its machine prints it");
  }
  if (!course.taken) {
    return unavailable(fmt::format("the daemon at {} did not take this connection within {} ms", where, waited),
                       "it serves as many clients as its limit of descriptors allows, or is frozen: try again, or look "
                       "at its log");
  }
  return unavailable(fmt::format("the daemon at {} takes connections and does not answer within {} ms", where, waited),
                     "it is frozen or overloaded: look at its process and its log");
}

Result<void> CommandClient::Impl::reach() {
  const TimePoint deadline = std::chrono::steady_clock::now() + options.reach_timeout;
  if (!options.curve) {
    if (auto good = check_reachable(where); !good) return good;
  }
  try {
    connect_socket();
  } catch (const zmq::error_t& error) {
    disconnect();
    return fail(ErrorCode::unavailable, fmt::format("{} cannot be connected to: {}", where, error.what()), {}, true);
  }
  v1::RequestT probe;
  probe.id = entropy.uuid();
  probe.body.Set(v1::HealthT());
  if (const auto reply = ask(probe, deadline); !reply) {
    disconnect();
    return fail(not_reached());
  }
  return {};
}

namespace {

/// What a client's messages call the endpoint.
Result<std::string> check_options(const ClientOptions& options) {
  if (!is_tcp(options.endpoint)) return ipc_path(options.endpoint);
  if (auto parsed = parse_tcp(options.endpoint); !parsed) return fail(parsed.error());
  if (options.curve) return options.endpoint;
  return fail(ErrorCode::invalid_argument, fmt::format("{} needs the daemon's public key", options.endpoint),
              "--server-key KEY; `solo keys show` on the daemon's machine prints it");
}

}  // namespace

Result<std::unique_ptr<CommandClient>> CommandClient::connect(ClientOptions options) {
  auto where = check_options(options);
  if (!where) return fail(std::move(where).error());
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  if (!is_tcp(impl->options.endpoint)) impl->options.curve.reset();
  impl->where = *std::move(where);
  if (auto reached = impl->reach(); !reached) return fail(std::move(reached).error());
  return std::unique_ptr<CommandClient>(new CommandClient(std::move(impl)));
}

CommandClient::CommandClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CommandClient::~CommandClient() = default;

Result<v1::ReplyT> CommandClient::call(v1::RequestT request, milliseconds timeout) {
  if (impl_->connected && impl_->lost()) impl_->disconnect();
  if (!impl_->connected) {
    if (auto reached = impl_->reach(); !reached) return fail(std::move(reached).error());
  }
  if (request.id.empty()) request.id = impl_->entropy.uuid();
  if (request.token.empty()) request.token = impl_->options.token;
  if (timeout == milliseconds(0)) {
    timeout = (request.timeout_ms == 0 ? kDefaultTimeout : milliseconds(request.timeout_ms)) + kGrace;
  }
  return impl_->ask(request, std::chrono::steady_clock::now() + timeout);
}

}  // namespace solo::producers
