// How the daemon starts.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>

#include "ops/solod/notify.h"
#include "ops/solod/parts.h"
#include "ops/version.h"

namespace solo::ops {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

/// What a stage of the start may take before systemd thinks that it hangs: a large log is read through.
constexpr std::chrono::minutes kForStage{5};

Result<void> check_directory(const std::filesystem::path& path, std::string hint) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status) || std::filesystem::is_directory(status)) return {};
  return fail(ErrorCode::failed_precondition, path.string() + " is no directory", std::move(hint));
}

}  // namespace

Result<void> Daemon::open() {
  struct Stage {
    const char* words;
    Result<void> (Daemon::*run)();
  };
  for (const Stage& stage :
       {Stage{"taking the state directory", &Daemon::lock}, Stage{"opening the log", &Daemon::open_log},
        Stage{"opening the views", &Daemon::open_views}}) {
    notify_starting(stage.words, kForStage);
    if (auto done = (this->*stage.run)(); !done) return done;
    if (stop_wanted()) return {};
  }
  join_parts();
  return {};
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

Result<void> Daemon::open_views() {
  auto& parts = *parts_;
  std::vector<projections::OpenReport> reports;
  const std::filesystem::path state = options_.config.state_dir;
  if (auto checked = check_directory(state / "views", "move it away: views are rebuilt from the log"); !checked) {
    return checked;
  }
  auto views = projections::Views::open(
      {.directory = state / "views",
       .log_uuid = parts.log->genesis().log_uuid,
       .partitions = parts.log->partitions(),
       // The embedded log lies beside them; another topic in Kafka's place is more likely a mistake.
       .refuse_foreign = parts.log->kind() == "kafka"},
      &reports);
  if (!views) return fail(views.error());
  parts.views = std::move(*views);
  for (const auto& report : reports) {
    if (report.set_aside) {
      spdlog::warn("views: set aside as {} and rebuilt from the log: {}", report.kept_at.string(), report.reason);
    }
  }
  if (auto checked = check_views(parts.log->genesis().log_uuid); !checked) return checked;
  parts.ear = parts.opened.watch_with(*parts.views);
  const std::string applied = schemas::to_string(parts.views->applied());
  parts.views_empty = applied.empty();
  spdlog::info("views opened at {} ({:.1f} ms)", applied.empty() ? "the start of the log" : applied, parts.watch.lap());
  return {};
}

Result<void> Daemon::check_views(const std::string& log_uuid) {
  auto& parts = *parts_;
  const std::string hint =
      "the log was cut, replaced or restored from an older copy after the views were built. To accept the log as it "
      "is, "
      "move " +
      (std::filesystem::path(options_.config.state_dir) / "views").string() + " away: the views are then rebuilt";
  for (std::int32_t number = 0; number < parts.views->partitions(); ++number) {
    const auto meta = parts.views->partition(number).meta();
    const auto bounds = parts.log->bounds(number);
    if (!bounds) return fail(bounds.error());
    if (meta.next_offset > bounds->end) {
      return fail(ErrorCode::failed_precondition,
                  fmt::format("the views have partition {} of log {} up to offset {}, but the log ends at {}", number,
                              log_uuid, meta.next_offset, bounds->end),
                  hint);
    }
    std::vector<producers::RecordFingerprint> tail;
    for (const auto& mark : meta.tail) tail.push_back({mark->offset, mark->id, mark->crc});
    if (auto checked = parts.log->check_tail(number, tail); !checked) {
      schemas::Error error = checked.error();
      if (error.hint.empty()) error.hint = hint;
      return schemas::fail_with("the views are not of this log", std::move(error));
    }
  }
  return {};
}

void Daemon::join_parts() {
  auto& parts = *parts_;
  const auto& config = options_.config;
  const std::filesystem::path state = config.state_dir;
  parts.projector = std::make_unique<consumers::Projector>(
      *parts.views, parts.opened.open_reader, [this](std::int32_t partition, const schemas::Error& error) {
        give_up({error.code, fmt::format("the projection of partition {} stands still: {}", partition, error.message),
                 error.hint});
      });
  parts.publisher = std::make_unique<consumers::ObservationPublisher>(
      *parts.log, parts.clock,
      consumers::PublisherOptions{.node = *parts.node, .run = parts.run, .outbox = state / "outbox"});
  parts.host = std::make_unique<consumers::LinuxProcessHost>(
      consumers::LinuxProcessHostOptions{.lock_descriptor = parts.lock->descriptor()});
  consumers::RuntimeOptions runtime{.state = state,
                                    .version = std::string(version()),
                                    .take_over = options_.take_over,
                                    .recovery_timeout = std::chrono::milliseconds(config.recovery.timeout_ms),
                                    .compiler = config.runtime.compiler,
                                    .max_compiles = config.runtime.max_compiles,
                                    .output_cap = config.runtime.output_cap_bytes};
  runtime.path = config.runtime.path;
  runtime.lang = config.runtime.lang;
  runtime.timezone = config.runtime.timezone;
  parts.runtime = std::make_unique<consumers::Runtime>(
      std::move(runtime), consumers::RuntimeParts{*parts.log, *parts.views, *parts.projector, *parts.publisher,
                                                  *parts.host, parts.clock, parts.entropy});
  parts.counts = std::make_unique<ServiceCounts>(*parts.views);
  parts.health =
      std::make_unique<DaemonHealth>(DaemonHealth::Parts{*parts.log, *parts.views, *parts.projector, *parts.publisher,
                                                         *parts.runtime, *parts.counts, parts.clock, parts.run});
  parts.gateway = std::make_unique<producers::Gateway>(producers::GatewayOptions{.endpoint = endpoint_}, *parts.log,
                                                       *parts.views, *parts.runtime, *parts.health, parts.clock);
  parts.subscription = parts.projector->listen([&parts](const projections::ViewChange& change) {
    parts.counts->on_change(change);
    parts.gateway->on_change(change);
  });
}

Result<void> Daemon::start() {
  auto& parts = *parts_;
  if (auto started = parts.projector->start(); !started) return started;
  if (auto started = parts.gateway->start(); !started) return started;
  spdlog::info("commands are taken at {} ({:.1f} ms)", endpoint_, parts.watch.lap());
  notify_status("recovering");
  return parts.runtime->start([this](consumers::RuntimePhase) { on_ready(); });
}

void Daemon::on_ready() {
  parts_->opened.check_in_background();
  const auto status = parts_->runtime->status();
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
