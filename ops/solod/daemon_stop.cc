// How the daemon stops.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "ops/solod/notify.h"
#include "ops/solod/parts.h"
#include "schemas/schemas.h"

namespace solo::ops {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

/// Clients that wait get their answers within this, and flushing has this at the end; in between services may use
/// the rest.
constexpr milliseconds kForClients{5'000};
constexpr milliseconds kForFlushing{5'000};
/// After an error nobody knows how long anything takes.
constexpr milliseconds kAfterError{5'000};

Time share_of(Time now, Time deadline, milliseconds most) { return std::min(now + most, now + (deadline - now) / 3); }

v1::EventT system_event() {
  v1::EventT event;
  event.tenant = std::string(schemas::kSystemTenant);
  return event;
}

}  // namespace

int Daemon::stop(const std::string& why) {
  auto& parts = *parts_;
  const Time began = std::chrono::steady_clock::now();
  const Time deadline = began + milliseconds(options_.config.shutdown.deadline_ms);
  spdlog::info("stopping: {}", why);
  notify_stopping(milliseconds(options_.config.shutdown.deadline_ms) + kForFlushing);
  parts.health->set_stopping();
  parts.gateway->begin_shutdown(why);
  auto started = system_event();
  started.payload.Set(v1::SystemShutdownStartedT{});
  started.payload.AsSystemShutdownStarted()->reason = why;
  parts.publisher->publish(std::move(started));

  std::vector<std::string> left = drain(deadline);
  auto complete = system_event();
  complete.payload.Set(v1::SystemShutdownCompleteT{});
  complete.payload.AsSystemShutdownComplete()->exit_code = left.empty() ? 0 : 1;
  parts.publisher->publish(std::move(complete));
  close_parts(deadline, left);

  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  if (gave_up_) left.emplace_back("a part gave up while the daemon was stopping");
  for (const auto& line : left) spdlog::error("not done: {}", line);
  spdlog::info("stopped after {} ms", took.count());
  return left.empty() ? 0 : 1;
}

std::vector<std::string> Daemon::drain(Time deadline) {
  auto& parts = *parts_;
  std::vector<std::string> left;
  if (!parts.gateway->drain(share_of(std::chrono::steady_clock::now(), deadline, kForClients))) {
    left.push_back(fmt::format("{} commands whose append had not ended", parts.gateway->counters().appends_in_flight));
  }
  const auto services = options_.config.shutdown.services == "leave" ? consumers::ServicesAtShutdown::leave
                                                                     : consumers::ServicesAtShutdown::stop;
  const Time now = std::chrono::steady_clock::now();
  const Time for_services = deadline - (share_of(now, deadline, kForFlushing) - now);
  for (auto& line : parts.runtime->shutdown(for_services, services)) left.push_back(std::move(line));
  if (parts.publisher->drain(share_of(std::chrono::steady_clock::now(), deadline, kForFlushing))) {
    // So that the next start finds the views at the log's end; what is missing it would replay.
    if (auto flushed = parts.views->flush(); !flushed) left.push_back("views: " + flushed.error().message);
  }
  return left;
}

void Daemon::close_parts(Time deadline, std::vector<std::string>& left) {
  auto& parts = *parts_;
  const auto take = [&](const schemas::Result<void>& result, std::string_view what) {
    if (!result) left.push_back(fmt::format("{}: {}", what, result.error().message));
  };
  // What the log does not take now goes to the outbox while there is time left to close the log itself.
  auto unsent = parts.publisher->close(share_of(std::chrono::steady_clock::now(), deadline, kForFlushing));
  if (unsent) {
    for (auto& line : *unsent) left.push_back("not in the log, kept in the outbox: " + std::move(line));
  } else {
    left.push_back("outbox: " + unsent.error().message);
  }
  parts.gateway->stop();
  parts.projector->stop();
  take(parts.views->flush(), "views");
  take(parts.opened.close(), "log");
}

int Daemon::stop_after_error() {
  auto& parts = *parts_;
  notify_stopping(2 * kAfterError);
  parts.health->set_stopping();
  parts.gateway->begin_shutdown("the daemon had to give up");
  parts.gateway->stop();
  const Time deadline = std::chrono::steady_clock::now() + kAfterError;
  // The services run on: the next daemon adopts them.
  std::vector<std::string> left = parts.runtime->shutdown(deadline, consumers::ServicesAtShutdown::leave);
  close_parts(deadline, left);
  for (const auto& line : left) spdlog::error("not done: {}", line);
  return 1;
}

void Daemon::abandon(const std::string& why) {
  spdlog::critical("ending at once: {}", why);
  // Never given back: nothing is taken apart any more. When the parts are just being made or taken apart there is no
  // telling what is there, and nothing to name.
  if (parts_mutex_.try_lock() && parts_ != nullptr && parts_->gateway != nullptr) {
    const auto appends = parts_->gateway->counters().appends_in_flight;
    if (appends != 0) spdlog::error("not done: {} commands whose append had not ended", appends);
    const auto pending = parts_->publisher->pending();
    if (pending != 0) spdlog::error("not done: {} observations that are not in the log", pending);
    for (std::int32_t number = 0; number < parts_->views->partitions(); ++number) {
      const auto& view = parts_->views->partition(number);
      if (view.next_offset() == view.flushed_offset()) continue;
      spdlog::error("not done: views from {}:{} on; the next start replays them", number, view.flushed_offset());
    }
    if (options_.config.shutdown.services == "stop") spdlog::error("killed {} services' processes", kill_services());
  }
  spdlog::shutdown();
  _exit(1);
}

std::size_t Daemon::kill_services() {
  std::size_t killed = 0;
  auto found = parts_->host->scan(parts_->log->genesis().log_uuid, parts_->node->str());
  if (!found) return 0;
  for (const auto& process : *found) {
    auto held = parts_->host->adopt(process.identity);
    if (!held) continue;
    if (!(*held)->signal_group(SIGKILL)) (*held)->signal(SIGKILL);
    ++killed;
  }
  return killed;
}

}  // namespace solo::ops
