// One daemon per state directory: STATE/lock, held by flock(2) for as long as the daemon lives.
//
// The descriptor is close-on-exec, so a child inherits the lock between its fork and its exec and gives it up there:
// whoever gets the lock knows that every spawn of the former daemon has exec'd (and carries its marker) or died. Take
// it before anything else is opened: LinuxProcessHost closes every descriptor above it in a child.
//
// Errors: failed_precondition: another daemon lives there (its pid is named). permission_denied: the directory or the
// lock cannot be made or opened. unavailable: the lock is held by something that could not be ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "consumers/process_host.h"
#include "schemas/ids.h"
#include "schemas/result.h"

namespace solo::consumers {

struct StateLockOptions {
  /// STATE; made with mode 0700 if it is missing.
  std::filesystem::path directory;
  /// This daemon's run, written into the file for people and for the next daemon.
  std::string run;
  /// How long children that the former daemon left before their exec may take before they are killed.
  std::chrono::milliseconds half_done_timeout{10'000};
  /// Told, once for each change, what acquire() waits for.
  std::function<void(const std::string& what)> waiting;
};

class StateLock {
 public:
  /// Waits only for half-done children of a daemon that is dead; a live one is an error at once.
  static schemas::Result<StateLock> acquire(const StateLockOptions& options);

  StateLock(StateLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  StateLock& operator=(StateLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~StateLock();

  /// For LinuxProcessHostOptions.
  int descriptor() const { return descriptor_; }

 private:
  explicit StateLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// Who wrote the lock file last: `pid start_time boot_id run`.
struct LockHolder {
  Identity identity;
  std::string run;
};
schemas::Result<LockHolder> read_lock_holder(const std::filesystem::path& directory);

/// This node's name, kept in STATE/node from the first start on: `configured` if given, else the host's name made a
/// label. failed_precondition: `configured` is another name than the one kept. Call it with the lock held.
schemas::Result<schemas::NodeName> node_name(const std::filesystem::path& directory, const std::string& configured);

}  // namespace solo::consumers
