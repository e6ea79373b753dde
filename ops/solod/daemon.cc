#include "ops/solod/daemon.h"

#include <spdlog/spdlog.h>

#include <filesystem>

#include "ops/solod/parts.h"
#include "ops/solod/supervision.h"

namespace solo::ops {
namespace {

int report(const schemas::Error& error) {
  spdlog::critical("{}", error.message);
  if (!error.hint.empty()) spdlog::critical("hint: {}", error.hint);
  return error.code == schemas::ErrorCode::invalid_argument ? 2 : 1;
}

}  // namespace

Daemon::Daemon(DaemonOptions options, std::function<void()> stop_began)
    : options_(std::move(options)), stop_began_(std::move(stop_began)), parts_(std::make_unique<Parts>()) {
  options_.config.state_dir = std::filesystem::absolute(options_.config.state_dir).lexically_normal().string();
  parts_->state = options_.config.state_dir;
}

Daemon::~Daemon() = default;

int Daemon::run() {
  const int status = live();
  // Under the lock, so that abandon() finds the parts whole or not at all.
  const std::lock_guard lock(parts_mutex_);
  parts_.reset();
  return status;
}

int Daemon::live() {
  {
    const std::lock_guard lock(parts_mutex_);
    if (auto opened = open(); !opened) return report(opened.error());
  }
  if (stop_wanted()) return stop_before_start();
  // Whatever of it has started has done nothing yet that would have to be finished.
  if (auto started = start(); !started) return report(started.error());
  const std::string why = wait_for_stop();
  return gave_up_ ? stop_after_error() : stop(why);
}

void Daemon::request_stop(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!stop_reason_) stop_reason_ = why;
  changed_.notify_all();
}

void Daemon::give_up(const schemas::Error& error) {
  if (gave_up_.exchange(true)) return;
  report(error);
  request_stop("the daemon has to give up");
  stop_began_();
}

std::string Daemon::wait_for_stop() {
  Supervision supervision(*parts_->runtime, parts_->listening.endpoints.front());
  const auto interval = supervision.interval();
  const auto wanted = [this] { return stop_reason_.has_value(); };
  std::unique_lock lock(mutex_);
  if (interval.count() == 0) changed_.wait(lock, wanted);
  while (!changed_.wait_for(lock, interval, wanted)) {
    lock.unlock();
    supervision.beat();
    lock.lock();
  }
  return *stop_reason_;
}

bool Daemon::stop_wanted() {
  const std::lock_guard lock(mutex_);
  return stop_reason_.has_value();
}

}  // namespace solo::ops
