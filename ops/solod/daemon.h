// The composition root: makes every part of Solo, joins them, and takes them apart in order.
//
//   start: lock -> keys -> log -> views -> projector -> gateway -> runtime (recovery) -> ready
//   stop:  refuse commands -> SystemShutdownStarted -> drain -> stop services -> SystemShutdownComplete -> flush
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
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ops/lost_tail.h"
#include "ops/solod/options.h"
#include "schemas/result.h"

namespace solo::consumers {
struct FoundProcess;
}

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
  schemas::Result<void> read_listening();
  schemas::Result<void> open_log();
  schemas::Result<void> open_views();
  schemas::Result<void> check_rebuild(const std::filesystem::path& views);
  schemas::Result<void> check_views();
  schemas::Result<std::optional<LostTail>> find_loss(const std::vector<KnownPartition>& known);
  /// Refuses a log that lacks what is known of it.
  schemas::Result<void> check_known(const std::vector<KnownPartition>& known);
  /// Says in the log what was given up, if anything was.
  void finish_rebuild();
  schemas::Result<void> join_parts();
  void make_verifier();
  schemas::Result<void> start();
  schemas::Result<void> make_root_token();
  void start_sweeper();
  void on_ready();
  /// Why to stop, once there is a reason.
  std::string wait_for_stop();
  bool stop_wanted();

  int stop(const std::string& why);
  /// What the log says of services is not known yet, so those of a former run are named and left alone.
  int stop_before_start();
  /// Says what the stop is about now: in the log output, to systemd, in health.
  void stopping(const std::string& step);
  int stop_after_error();
  std::vector<std::string> drain(std::chrono::steady_clock::time_point deadline);
  void close_parts(std::chrono::steady_clock::time_point deadline, std::vector<std::string>& left);
  std::vector<consumers::FoundProcess> running_services() const;
  void kill_services();

  DaemonOptions options_;
  std::function<void()> stop_began_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> stop_reason_;
  std::atomic<bool> gave_up_ = false;

  /// Guards the parts against abandon(): they are made and taken apart under it.
  std::mutex parts_mutex_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace solo::ops
