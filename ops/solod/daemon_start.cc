// How the daemon starts.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <system_error>

#include "ops/solod/notify.h"
#include "ops/solod/parts.h"
#include "ops/solod/root.h"
#include "ops/version.h"

namespace solo::ops {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

/// What a stage of the start may take before systemd thinks that it hangs: a large log is read through.
constexpr std::chrono::minutes kForStage{5};
/// What a producer may take to say that a delivery's time is over.
constexpr std::chrono::milliseconds kAfterDelivery{1'000};

}  // namespace

Result<void> Daemon::open() {
  struct Stage {
    const char* words;
    Result<void> (Daemon::*run)();
  };
  for (const Stage& stage :
       {Stage{"taking the state directory", &Daemon::lock}, Stage{"reading the keys", &Daemon::read_listening},
        Stage{"opening the log", &Daemon::open_log}, Stage{"opening the views", &Daemon::open_views}}) {
    notify_starting(stage.words, kForStage);
    if (auto done = (this->*stage.run)(); !done) return done;
    if (stop_wanted()) return {};
  }
  return join_parts();
}

Result<void> Daemon::lock() {
  auto& parts = *parts_;
  const std::filesystem::path state = options_.config.state_dir;
  auto lock = consumers::StateLock::acquire({.directory = state, .run = parts.run, .waiting = [](const auto& what) {
                                               spdlog::warn("{}", what);
                                               notify_status(what);
                                             }});
  if (!lock) return fail(lock.error());
  parts.lock.emplace(std::move(*lock));
  auto node = consumers::node_name(state, options_.config.node.name);
  if (!node) return fail(node.error());
  parts.node.emplace(std::move(*node));
  spdlog::info("solod {}: node {}, run {}, state in {} ({:.1f} ms)", version(), parts.node->str(), parts.run,
               state.string(), parts.watch.lap());
  return {};
}

Result<void> Daemon::read_listening() {
  remove_endpoints(options_.config.state_dir);
  auto listening = ops::read_listening(options_.config, parts_->entropy);
  if (!listening) return fail(listening.error());
  parts_->listening = *std::move(listening);
  return {};
}

Result<void> Daemon::open_log() {
  auto& parts = *parts_;
  auto opened = open_daemon_log(options_.config, {.state = options_.config.state_dir,
                                                  .clock = parts.clock,
                                                  .entropy = parts.entropy,
                                                  .on_fatal = [this](const schemas::Error& error) { give_up(error); },
                                                  .on_waiting =
                                                      [](const std::string& what) {
                                                        spdlog::warn("{}", what);
                                                        notify_status(what);
                                                      },
                                                  .stop_wanted = [this] { return stop_wanted(); }});
  // A stop that was asked for is no failure.
  if (!opened && stop_wanted()) return {};
  if (!opened) return fail(opened.error());
  parts.opened = std::move(*opened);
  parts.log = parts.opened.log.get();
  spdlog::info("log {} {} ({:.1f} ms)", parts.log->genesis().log_uuid, parts.opened.description, parts.watch.lap());
  return {};
}

Result<void> Daemon::join_parts() {
  auto& parts = *parts_;
  const auto& config = options_.config;
  const std::filesystem::path state = config.state_dir;
  parts.tokens = std::make_unique<projections::TokenChecker>(*parts.views);
  parts.projector = std::make_unique<consumers::Projector>(
      *parts.views, parts.opened.open_reader, [this](std::int32_t partition, const schemas::Error& error) {
        give_up({error.code, fmt::format("the projection of partition {} stands still: {}", partition, error.message),
                 error.hint});
      });
  parts.publisher = std::make_unique<consumers::ObservationPublisher>(
      *parts.log, parts.clock,
      consumers::PublisherOptions{.node = *parts.node, .run = parts.run, .outbox = state / "outbox"});
  parts.host = std::make_unique<consumers::LinuxProcessHost>(
      consumers::LinuxProcessHostOptions{.lock_descriptor = parts.lock->descriptor(), .run = parts.run});
  consumers::RuntimeOptions runtime{.state = state,
                                    .version = std::string(version()),
                                    .take_over = options_.take_over,
                                    .recovery_timeout = std::chrono::milliseconds(config.recovery.timeout_ms),
                                    .compiler = config.runtime.compiler,
                                    .max_compiles = config.runtime.max_compiles,
                                    .output_cap = config.runtime.output_cap_bytes,
                                    .on_fatal = [this](const schemas::Error& error) {
                                      give_up({error.code, "what must run is not known: " + error.message, error.hint});
                                    }};
  runtime.path = config.runtime.path;
  runtime.lang = config.runtime.lang;
  runtime.timezone = config.runtime.timezone;
  parts.runtime = std::make_unique<consumers::Runtime>(
      std::move(runtime), consumers::RuntimeParts{*parts.log, *parts.views, *parts.projector, *parts.publisher,
                                                  *parts.host, parts.clock, parts.entropy});
  make_verifier();
  auto audit =
      open_audit(config, {.state = state,
                          .node = parts.node->str(),
                          .run = parts.run,
                          .clock = parts.clock,
                          .peer_name = [&parts](producers::PeerId peer) { return parts.gateway->peer_name(peer); }});
  if (!audit) return fail(audit.error());
  parts.audit = *std::move(audit);
  parts.audit_reader = open_audit_reader(config);
  parts.counts = std::make_unique<ServiceCounts>(*parts.views);
  parts.health = std::make_unique<DaemonHealth>(
      DaemonHealth::Parts{*parts.log, *parts.views, *parts.projector, *parts.publisher, *parts.runtime, *parts.verifier,
                          *parts.counts, *parts.audit, parts.clock, parts.run});
  parts.gateway = std::make_unique<producers::Gateway>(
      producers::GatewayOptions{
          .endpoints = parts.listening.endpoints,
          .curve = parts.listening.curve,
          // A broker that is away has its time to come back.
          .append_patience = parts.log->kind() == "kafka"
                                 ? std::chrono::milliseconds(config.log.kafka.delivery_timeout_ms) + kAfterDelivery
                                 : std::chrono::milliseconds(0),
          .audit = parts.audit.get()},
      *parts.log, *parts.views, *parts.tokens, *parts.runtime, *parts.health, parts.clock,
      producers::MachinePorts{parts.runtime.get(), parts.verifier.get(), parts.audit_reader.get()});
  parts.subscription = parts.projector->listen([&parts](const projections::ViewChange& change) {
    parts.counts->on_change(change);
    parts.gateway->on_change(change);
  });
  return {};
}

void Daemon::make_verifier() {
  auto& parts = *parts_;
  const auto& settings = options_.config.verifier;
  parts.verifier = std::make_unique<consumers::Verifier>(
      consumers::VerifierOptions{.interval = std::chrono::milliseconds(settings.interval_ms),
                                 .fix = settings.fix,
                                 .scratch = std::filesystem::path(options_.config.state_dir) / "replay"},
      consumers::VerifierParts{*parts.log, *parts.views, *parts.projector, parts.opened.open_reader, *parts.runtime,
                               *parts.host, parts.clock, parts.node->str(), parts.run,
                               [&parts](const v1::VerificationReportT& report) {
                                 consumers::publish_report(*parts.views, *parts.publisher, report);
                               }});
}

Result<void> Daemon::start() {
  auto& parts = *parts_;
  if (auto started = parts.projector->start(); !started) return started;
  if (auto started = parts.gateway->start(); !started) return started;
  const auto endpoints = parts.gateway->endpoints();
  if (auto written = write_endpoints(options_.config.state_dir, endpoints); !written) return written;
  spdlog::info("commands are taken at {} ({:.1f} ms)", fmt::join(endpoints, ", "), parts.watch.lap());
  if (const auto words = words_for(parts.listening); !words.empty()) spdlog::info("{}", words);
  if (auto made = make_root_token(); !made) return made;
  notify_status("recovering");
  return parts.runtime->start([this](consumers::RuntimePhase) { on_ready(); });
}

Result<void> Daemon::make_root_token() {
  auto& parts = *parts_;
  return ensure_root_token({.state = options_.config.state_dir,
                            .log = *parts.log,
                            .views = *parts.views,
                            .projector = *parts.projector,
                            .clock = parts.clock,
                            .entropy = parts.entropy,
                            .on_waiting =
                                [](const std::string& what) {
                                  spdlog::warn("{}", what);
                                  notify_starting(what, kForStage);
                                },
                            .stop_wanted = [this] { return stop_wanted(); }});
}

void Daemon::start_sweeper() {
  try {
    parts_->sweeper = std::make_unique<consumers::TokenSweeper>(
        *parts_->views, *parts_->publisher, parts_->clock,
        [runtime = parts_->runtime.get()] { return runtime->status().phase == consumers::RuntimePhase::running; });
  } catch (const std::system_error& error) {
    // The services have what threads there may be.
    spdlog::warn("expired tokens stay in the views until the next start, no thread can be had to remove them: {}",
                 error.what());
  }
}

void Daemon::on_ready() {
  parts_->opened.check_in_background();
  finish_rebuild();
  parts_->verifier->start();
  const auto status = parts_->runtime->status();
  start_sweeper();
  if (parts_->views_empty) {
    spdlog::info("views built from the log's first record on, now at {}", schemas::to_string(parts_->views->applied()));
  }
  if (status.phase == consumers::RuntimePhase::gateway_only) {
    spdlog::warn("ready as a gateway only, {:.1f} ms after the start: {}", parts_->watch.total(), status.detail);
    notify_ready("gateway only");
    return;
  }
  spdlog::info("ready, {:.1f} ms after the start: {} processes{}{}", parts_->watch.total(), status.processes,
               status.detail.empty() ? "" : "; ", status.detail);
  notify_ready(fmt::format("ready, {} processes", status.processes));
}

}  // namespace solo::ops
