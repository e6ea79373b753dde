// The composition root: makes every part of Solo, joins them, and takes them apart in order.
//
//   start: lock -> log -> views -> projector -> gateway -> runtime (recovery) -> ready
//   stop:  refuse commands -> SystemShutdownStarted -> drain -> stop services -> flush -> SystemShutdownComplete
//
// The gateway answers reads, and health says `recovering`, from before recovery begins. An error that a part cannot get
// over (the log or a projection stands still) ends the daemon with exit status 1: services are left running for the
// next one to adopt, and observations that the log did not take rest in the outbox.
//
// Threads: run() is the main thread's; request_stop() and abandon() may be called from any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ops/solod/options.h"
#include "schemas/result.h"

namespace solo::ops {

class Daemon {
 public:
  /// `stop_began` is told when a stop begins that nobody asked for.
  Daemon(DaemonOptions options, std::function<void()> stop_began);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Lives until it is asked to stop. The process's exit status.
  int run();

  /// An orderly stop. Repeated: the first one counts.
  void request_stop(const std::string& why);

  /// Names what is not on the disk, kills the services (unless they are to be left running), and ends the process with
  /// exit status 1.
  [[noreturn]] void abandon(const std::string& why);

 private:
  struct Parts;

  int live();
  /// A part cannot go on: says why, and stops without an order.
  void give_up(const schemas::Error& error);
  schemas::Result<void> open();
  schemas::Result<void> lock();
  schemas::Result<void> open_log();
  schemas::Result<void> open_views();
  schemas::Result<void> check_views(const std::string& log_uuid);
  void join_parts();
  schemas::Result<void> start();
  void on_ready();
  /// Why to stop, once there is a reason.
  std::string wait_for_stop();
  bool stop_wanted();

  int stop(const std::string& why);
  int stop_after_error();
  std::vector<std::string> drain(std::chrono::steady_clock::time_point deadline);
  void close_parts(std::chrono::steady_clock::time_point deadline, std::vector<std::string>& left);
  std::size_t kill_services();

  DaemonOptions options_;
  std::function<void()> stop_began_;
  std::string endpoint_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> stop_reason_;
  std::atomic<bool> gave_up_ = false;

  /// Guards the parts against abandon(): they are made and taken apart under it.
  std::mutex parts_mutex_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace solo::ops
