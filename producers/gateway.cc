#include "producers/gateway.h"

#include <poll.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "producers/entropy.h"
#include "producers/gateway_core.h"
#include "producers/gateway_frames.h"
#include "producers/gateway_inbox.h"
#include "producers/gateway_replies.h"
#include "producers/gateway_socket.h"
#include "producers/secret_bytes.h"
#include "producers/signals.h"
#include "schemas/codec.h"
#include "schemas/json.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// Requests read in one go, before ends of appends get their turn.
constexpr int kRequestsAtOnce = 256;
/// When nothing has come for so long, what was on its way into the socket at the time of stop() has arrived.
constexpr std::chrono::milliseconds kQuiet{20};
/// stop() reads on for this long at most.
constexpr std::chrono::milliseconds kLastRequests{200};

/// Half of what the process may have open: the log, the views and the services need the rest.
std::size_t connections_within_limits(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  return std::min<std::size_t>(wanted, limit.rlim_cur / 2);
}

}  // namespace

struct Gateway::Impl {
  Impl(GatewayOptions gateway_options, EventLog& log, const projections::Views& views,
       projections::TokenChecker& tokens, HostPort& host, HealthPort& health, const Clock& system_clock,
       MachinePorts machine)
      : options(std::move(gateway_options)),
        clock(system_clock),
        inbox(std::make_shared<GatewayInbox>(views.partitions())),
        core(
            options, log, views, tokens, host, health, clock, machine, inbox,
            [this](const ReturnPath& path, const v1::ReplyT& reply) { send(path, reply); },
            [this](PeerId peer) { socket->vouch(peer); }) {}

  void wake() {
    ordered.store(true);
    inbox->wake();
  }

  // The gateway's thread.
  void run();
  bool serve();
  void handle(const GatewaySocket::Message& message);
  void send(const ReturnPath& path, const v1::ReplyT& reply);
  void sleep();
  void obey();
  void advance_drain();
  void finish();
  void publish();
  std::optional<TimePoint> wake_at() const;

  // What others ask of it.
  struct Orders {
    std::optional<std::string> shutdown;
    std::optional<TimePoint> drain_until;
    bool stop = false;
    /// drain()'s answer.
    std::optional<bool> drained;
  };

  const GatewayOptions options;
  const Clock& clock;
  const std::shared_ptr<GatewayInbox> inbox;
  SystemEntropy entropy;
  std::unique_ptr<GatewaySocket> socket;
  schemas::JsonCodec json;
  GatewayCore core;
  std::thread thread;

  std::mutex mutex;
  std::condition_variable answered_drain;
  Orders orders;
  /// There are new orders.
  std::atomic<bool> ordered{false};

  // The thread's own.
  TimePoint last_request;
  std::optional<TimePoint> drain_until;
  std::optional<TimePoint> effects_until;
  bool drained_in_time = true;
  bool stopping = false;

  std::atomic<std::uint32_t> commands_in_flight{0};
  std::atomic<std::uint32_t> appends_in_flight{0};
  std::atomic<std::uint32_t> connections{0};
  std::atomic<std::uint32_t> half_open{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> dropped{0};
  std::array<std::atomic<std::uint64_t>, kGatewayPeerTroubles> troubles{};
  std::vector<std::string> endpoints;
};

void Gateway::Impl::run() {
  block_signals();
  while (!stopping) {
    // Orders are looked at after take(), so that one that comes later still keeps this from sleeping.
    auto batch = inbox->take();
    obey();
    core.on_batch(std::move(batch));
    if (serve()) wipe_stack();
    core.expire();
    if (drain_until) advance_drain();
    socket->expire();
    socket->flush();
    const bool more = socket->readable();
    publish();
    if (!stopping && !more) sleep();
  }
  finish();
}

/// false: there was no request.
bool Gateway::Impl::serve() {
  GatewaySocket::Message message;
  for (int i = 0; i < kRequestsAtOnce; ++i) {
    if (!socket->receive(message)) return i > 0;
    handle(message);
  }
  return true;
}

void Gateway::Impl::handle(const GatewaySocket::Message& message) {
  obey();
  received.fetch_add(1, std::memory_order_relaxed);
  if (stopping) last_request = clock.now();
  const RequestFrames frames = read_frames(message.frames, message.count, options.max_request_bytes);
  ReturnPath path{message.peer, frames.empty_frame, frames.encoding};
  const auto refuse = [&](const schemas::Error& error) {
    malformed.fetch_add(1, std::memory_order_relaxed);
    const bool json_text = frames.body && path.encoding == Encoding::json;
    send(path, error_reply(json_text ? id_in(*frames.body) : std::string(), error));
  };
  if (message.refused) return refuse(*message.refused);
  if (!frames.body) return refuse(frames.body.error());
  auto request =
      path.encoding == Encoding::json ? json.request_from_json(*frames.body) : schemas::decode_request(*frames.body);
  if (!request) return refuse(request.error());
  core.on_request(std::move(path), *std::move(request));
}

void Gateway::Impl::send(const ReturnPath& path, const v1::ReplyT& reply) {
  const std::string body = path.encoding == Encoding::json ? json.to_json(reply) : encode_sound(reply);
  auto& counter = socket->send(path, body) ? answered : dropped;
  counter.fetch_add(1, std::memory_order_relaxed);
}

void Gateway::Impl::sleep() {
  if (!inbox->prepare_to_sleep(core.interest())) return;
  std::array<pollfd, 2> waits{{{socket->fd(), POLLIN, 0}, {inbox->fd(), POLLIN, 0}}};
  std::optional<timespec> timeout;
  if (const auto until = wake_at()) {
    const auto left = std::max(*until - clock.now(), std::chrono::steady_clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timeout = timespec{static_cast<std::time_t>(seconds.count()),
                       static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
  }
  ::ppoll(waits.data(), waits.size(), timeout ? &*timeout : nullptr, nullptr);
  inbox->awake();
}

std::optional<TimePoint> Gateway::Impl::wake_at() const {
  std::optional<TimePoint> first = core.next_deadline();
  const auto earlier = [&](std::optional<TimePoint> other) {
    if (other && (!first || *other < *first)) first = other;
  };
  earlier(socket->next_deadline());
  if (drain_until) {
    earlier(drain_until);
    earlier(effects_until);
  }
  return first;
}

void Gateway::Impl::obey() {
  if (!ordered.exchange(false)) return;
  const std::lock_guard lock(mutex);
  if (orders.shutdown) core.begin_shutdown(*std::exchange(orders.shutdown, std::nullopt));
  if (orders.drain_until && !drain_until) {
    drain_until = orders.drain_until;
    effects_until = clock.now() + options.effect_grace;
  }
  stopping = orders.stop;
}

void Gateway::Impl::advance_drain() {
  const TimePoint now = clock.now();
  if (effects_until && now >= *effects_until) {
    core.release_waiting();
    effects_until.reset();
  }
  const bool late = now >= *drain_until;
  if (late) {
    drained_in_time = core.appending() == 0;
    core.abandon();
  }
  // What comes from here on is turned away: stop() waits for it.
  if (core.requests() != 0) return;
  drain_until.reset();
  const std::lock_guard lock(mutex);
  orders.drain_until.reset();
  orders.drained = drained_in_time;
  answered_drain.notify_all();
}

void Gateway::Impl::finish() {
  core.begin_shutdown("stopped");
  socket->withdraw();
  core.on_batch(inbox->take());
  core.abandon();
  const TimePoint end = clock.now() + kLastRequests;
  last_request = clock.now();
  while (clock.now() < std::min(end, last_request + kQuiet)) {
    const bool served = serve();
    if (served) wipe_stack();
    socket->flush();
    if (served || socket->readable()) continue;
    // Nobody is there who could have sent anything.
    if (socket->connections() == 0) break;
    pollfd wait{socket->fd(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(kQuiet.count()));
  }
  core.abandon();
  publish();
  socket.reset();
}

void Gateway::Impl::publish() {
  commands_in_flight.store(static_cast<std::uint32_t>(core.requests()), std::memory_order_relaxed);
  appends_in_flight.store(static_cast<std::uint32_t>(core.appending()), std::memory_order_relaxed);
  connections.store(static_cast<std::uint32_t>(socket->connections()), std::memory_order_relaxed);
  half_open.store(static_cast<std::uint32_t>(socket->half_open()), std::memory_order_relaxed);
  for (std::size_t kind = 0; kind < troubles.size(); ++kind) {
    troubles.at(kind).store(socket->troubles().at(kind), std::memory_order_relaxed);
  }
}

Gateway::Gateway(GatewayOptions options, EventLog& log, const projections::Views& views,
                 projections::TokenChecker& tokens, HostPort& host, HealthPort& health, const Clock& clock,
                 MachinePorts machine)
    : impl_(std::make_unique<Impl>(std::move(options), log, views, tokens, host, health, clock, machine)) {}

Gateway::~Gateway() { stop(); }

Result<void> Gateway::start() {
  if (!*impl_->inbox) return fail(ErrorCode::resource_exhausted, "no file descriptor left for the gateway");
  if (auto started = impl_->core.start(); !started) return started;
  const GatewayOptions& options = impl_->options;
  auto socket = GatewaySocket::open({.endpoints = options.endpoints,
                                     .curve = options.curve,
                                     .max_request_bytes = options.max_request_bytes,
                                     .max_connections = connections_within_limits(options.max_connections),
                                     .max_half_open = options.max_half_open,
                                     .handshake_timeout = options.handshake_timeout},
                                    impl_->entropy, impl_->clock);
  if (!socket) return fail(std::move(socket).error());
  impl_->socket = *std::move(socket);
  impl_->endpoints = impl_->socket->endpoints();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  return {};
}

void Gateway::on_change(const projections::ViewChange& change) { impl_->inbox->views_changed(change); }

void Gateway::begin_shutdown(std::string reason) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->orders.shutdown = std::move(reason);
  }
  impl_->wake();
}

bool Gateway::drain(std::chrono::steady_clock::time_point deadline) {
  if (!impl_->thread.joinable()) return true;
  std::unique_lock lock(impl_->mutex);
  impl_->orders.drain_until = deadline;
  impl_->orders.drained.reset();
  impl_->wake();
  impl_->answered_drain.wait(lock, [&] { return impl_->orders.drained.has_value(); });
  return *impl_->orders.drained;
}

void Gateway::stop() {
  if (!impl_->thread.joinable()) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->orders.stop = true;
  }
  impl_->wake();
  impl_->thread.join();
}

std::vector<std::string> Gateway::endpoints() const { return impl_->endpoints; }

std::string Gateway::peer_name(std::uint64_t peer) const { return impl_->socket->peer_name(peer); }

GatewayCounters Gateway::counters() const {
  const auto trouble = [this](GatewayPeerTrouble kind) {
    return impl_->troubles.at(static_cast<std::size_t>(kind)).load(std::memory_order_relaxed);
  };
  return {.commands_in_flight = impl_->commands_in_flight.load(std::memory_order_relaxed),
          .appends_in_flight = impl_->appends_in_flight.load(std::memory_order_relaxed),
          .connections = impl_->connections.load(std::memory_order_relaxed),
          .half_open = impl_->half_open.load(std::memory_order_relaxed),
          .received = impl_->received.load(std::memory_order_relaxed),
          .answered = impl_->answered.load(std::memory_order_relaxed),
          .malformed = impl_->malformed.load(std::memory_order_relaxed),
          .dropped = impl_->dropped.load(std::memory_order_relaxed),
          .keys_refused = trouble(GatewayPeerTrouble::key_refused),
          .handshakes_failed = trouble(GatewayPeerTrouble::handshake_failed),
          .handshakes_late = trouble(GatewayPeerTrouble::handshake_late),
          .crowded_out = trouble(GatewayPeerTrouble::crowded_out),
          .broken = trouble(GatewayPeerTrouble::broken)};
}

}  // namespace solo::producers
