// How the daemon stops.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "consumers/output_writers.h"
#include "consumers/recovery_plan.h"
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
/// Services that are killed with the daemon are waited for this long.
constexpr milliseconds kForKilling{1'000};
constexpr milliseconds kForAudit{3'000};
/// After an error nobody knows how long anything takes.
constexpr milliseconds kAfterError{5'000};

Time share_of(Time now, Time deadline, milliseconds most) { return std::min(now + most, now + (deadline - now) / 3); }

v1::EventT system_event() {
  v1::EventT event;
  event.tenant = std::string(schemas::kSystemTenant);
  return event;
}

/// As far as it can be told.
schemas::Cut end_of(producers::EventLog& log) {
  schemas::Cut end;
  for (std::int32_t number = 0; number < log.partitions(); ++number) {
    const auto bounds = log.bounds(number);
    if (bounds && bounds->end > 0) end.positions.push_back({number, bounds->end - 1});
  }
  return end;
}

/// On a thread of its own, or where its outcome is asked for if there is none to be had.
template <class Function>
auto beside(Function function) {
  return std::async(std::launch::async | std::launch::deferred, std::move(function));
}

}  // namespace

void Daemon::stopping(const std::string& step) {
  spdlog::info("stopping: {}", step);
  notify_status("stopping: " + step);
  parts_->health->set_stopping(step);
}

int Daemon::stop(const std::string& why) {
  auto& parts = *parts_;
  const Time began = std::chrono::steady_clock::now();
  const Time deadline = began + milliseconds(options_.config.shutdown.deadline_ms);
  spdlog::info("stopping: {}, within {} ms", why, options_.config.shutdown.deadline_ms);
  notify_stopping(milliseconds(options_.config.shutdown.deadline_ms) + kForFlushing);
  stopping(
      fmt::format("refusing new commands, answering the {} in flight", parts.gateway->counters().commands_in_flight));
  parts.gateway->begin_shutdown(why);
  auto started = system_event();
  started.payload.Set(v1::SystemShutdownStartedT{});
  started.payload.AsSystemShutdownStarted()->reason = why;
  parts.publisher->publish(std::move(started));

  std::vector<std::string> left = drain(deadline);
  stopping(fmt::format("writing {} observations and the end of the shutdown into the log", parts.publisher->pending()));
  auto complete = system_event();
  complete.payload.Set(v1::SystemShutdownCompleteT{});
  complete.payload.AsSystemShutdownComplete()->exit_code = left.empty() ? 0 : 1;
  // Right behind them, so that one sync does for all: it is in the log only if they are.
  parts.publisher->publish(std::move(complete));
  close_parts(deadline, left);

  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  if (gave_up_) left.emplace_back("a part gave up while the daemon was stopping");
  for (const auto& line : left) spdlog::error("not done: {}", line);
  spdlog::info("stopped after {} ms", took.count());
  return left.empty() ? 0 : 1;
}

int Daemon::stop_before_start() {
  spdlog::info("stopped before anything was started");
  if (options_.config.shutdown.services == "leave") return gave_up_ ? 1 : 0;
  const auto left = consumers::output_writers(parts_->state / "services", [](pid_t) { return false; });
  for (const auto& process : left) {
    spdlog::error("not done: {}: process {} of a former run runs on; the next start takes it over",
                  to_string(process.service), process.identity.pid);
  }
  return gave_up_ || !left.empty() ? 1 : 0;
}

std::vector<std::string> Daemon::drain(Time deadline) {
  auto& parts = *parts_;
  std::vector<std::string> left;
  // Its clients are among those who wait.
  parts.verifier->stop();
  if (!parts.gateway->drain(share_of(std::chrono::steady_clock::now(), deadline, kForClients))) {
    left.push_back(fmt::format("{} commands whose append had not ended", parts.gateway->counters().appends_in_flight));
  }
  const auto services = options_.config.shutdown.services == "leave" ? consumers::ServicesAtShutdown::leave
                                                                     : consumers::ServicesAtShutdown::stop;
  const Time now = std::chrono::steady_clock::now();
  const Time for_services = deadline - (share_of(now, deadline, kForFlushing) - now);
  stopping(fmt::format("{} the services, {} processes",
                       services == consumers::ServicesAtShutdown::leave ? "leaving alone" : "stopping",
                       parts.runtime->status().processes));
  for (auto& line : parts.runtime->shutdown(for_services, services)) left.push_back(std::move(line));
  parts.sweeper.reset();
  return left;
}

void Daemon::close_parts(Time deadline, std::vector<std::string>& left) {
  auto& parts = *parts_;
  const auto take = [&](const schemas::Result<void>& result, std::string_view what) {
    if (!result) left.push_back(fmt::format("{}: {}", what, result.error().message));
  };
  parts.sweeper.reset();
  // What the log does not take now goes to the outbox while there is time left to close the log itself.
  auto unsent = parts.publisher->close(share_of(std::chrono::steady_clock::now(), deadline, kForFlushing));
  if (unsent) {
    for (auto& line : *unsent) left.push_back("not in the log, kept in the outbox: " + std::move(line));
  } else {
    left.push_back("outbox: " + unsent.error().message);
  }
  stopping("flushing the views, closing the command socket and the log");
  if (unsent && unsent->empty() && !gave_up_) {
    // So that the next start finds the views at the log's end; what is missing it would replay.
    (void)parts.projector->wait_for(end_of(*parts.log),
                                    share_of(std::chrono::steady_clock::now(), deadline, kForFlushing));
  }
  parts.projector->stop();
  // Each of these waits for the disk: side by side.
  auto views_flushed = beside([&views = *parts.views] { return views.flush(); });
  parts.gateway->stop();
  remove_endpoints(options_.config.state_dir);
  const Time for_audit = share_of(std::chrono::steady_clock::now(), deadline, kForAudit);
  auto audit_written = beside([&audit = *parts.audit, for_audit] { return audit.stop(for_audit); });
  const auto log_closed = parts.opened.close();
  // It promises nothing: what it could not write is said, and the stop is in order all the same.
  if (!audit_written.get()) spdlog::warn("audit: {} records could not be written", parts.audit->condition().pending);
  take(views_flushed.get(), "views");
  take(log_closed, "log");
}

int Daemon::stop_after_error() {
  auto& parts = *parts_;
  notify_stopping(2 * kAfterError);
  stopping("answering commands; services are left running");
  parts.gateway->begin_shutdown("the daemon had to give up");
  parts.verifier->stop();
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
    if (options_.config.shutdown.services == "stop") kill_services();
  }
  spdlog::shutdown();
  _exit(1);
}

std::vector<consumers::FoundProcess> Daemon::running_services() const {
  auto found = parts_->host->scan(parts_->log->genesis().log_uuid, parts_->node->str());
  std::vector<consumers::FoundProcess> running;
  if (found) running = *std::move(found);
  // A program that has overwritten its environment is known by its recorded identity alone.
  for (std::int32_t number = 0; number < parts_->views->partitions(); ++number) {
    projections::ServiceQuery query;
    do {
      const auto page = parts_->views->partition(number).services(query);
      if (!page) break;
      for (const v1::ServiceRecordT& record : page->services) {
        for (const auto& recorded : consumers::recorded_processes(record)) {
          consumers::Marker marker;
          marker.tenant = record.tenant;
          marker.service = record.service;
          running.push_back({recorded.identity, std::move(marker), true});
        }
      }
      query.from = page->next;
    } while (!query.from.empty());
  }
  return running;
}

void Daemon::kill_services() {
  std::map<std::string, std::set<pid_t>> killed;
  const Time deadline = std::chrono::steady_clock::now() + kForKilling;
  // Until none is found: the runtime may have been about to start one.
  for (bool any = true; any && std::chrono::steady_clock::now() < deadline;) {
    any = false;
    for (const auto& process : running_services()) {
      auto held = parts_->host->adopt(process.identity, std::nullopt);
      if (!held || (*held)->is_ending()) continue;
      if (!(*held)->signal_group(SIGKILL)) (*held)->signal(SIGKILL);
      killed[process.marker.tenant + '/' + process.marker.service].insert(process.identity.pid);
      any = true;
    }
  }
  for (const auto& [service, pids] : killed) spdlog::error("killed {}: {} processes", service, pids.size());
}

}  // namespace solo::ops
