// The process host on Linux: posix_spawn(3) and pidfds.
//
// posix_spawn holds its thread until the child has exec'd, and a child can hang before that (its output is a FIFO that
// nobody reads, its directory is on a dead network mount). So it runs on threads of its own: a few, and more while all
// of them are held up, so that a child that hangs delays nobody else; one that takes longer than its timeout is killed.
// A child: a session of its own, default signals, nothing blocked, stdin from /dev/null, stdout and stderr
// appended to its output (opened by the child itself), no other descriptor.
//
// Threads: every function may be called from any thread. Spawned callbacks come on a spawner thread, Exited ones on the
// one thread that waits for pidfds; neither may block. Handles must not outlive the host. Destroying the host kills
// what is half spawned, answers queued spawns with unavailable, and leaves running processes alone.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "consumers/process_host.h"

namespace solo::consumers {

struct LinuxProcessHostOptions {
  /// StateLock's descriptor: children hold it until their exec and close all others at once. -1: there is none.
  int lock_descriptor = -1;
  /// Threads that spawn; up to max_spawners while children hang.
  std::size_t spawners = 4;
  std::size_t max_spawners = 64;
  /// This daemon's run: by it the next one knows children that were held before their exec.
  std::string run = {};
};

class LinuxProcessHost final : public ProcessHost {
 public:
  explicit LinuxProcessHost(const LinuxProcessHostOptions& options);
  ~LinuxProcessHost() override;

  void spawn(SpawnRequest request, std::chrono::milliseconds timeout, Spawned done) override;
  void watch(Process& process, Exited exited) override;
  std::shared_ptr<void> asking_many_to_end() override;
  schemas::Result<std::unique_ptr<Process>> adopt(const Identity& identity, std::optional<Marker> marker) override;
  schemas::Result<FoundProcess> look_up(const Identity& identity) override;
  schemas::Result<std::vector<FoundProcess>> scan(const std::string& log, const std::string& node) override;
  schemas::Result<std::vector<HeldProcess>> scan_and_hold(const std::string& log, const std::string& node) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::consumers
