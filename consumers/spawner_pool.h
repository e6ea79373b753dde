// The threads that posix_spawn holds up, and the watchdog that frees them.
//
// Every thread spawns one child at a time. A child that has not exec'd by its deadline is found among the thread's
// children in /proc (it is the one that no finished spawn returned) and killed. While every thread is held up and
// something waits, the watchdog adds threads, up to a bound.
//
// Threads: spawn() from any thread. `done` comes on a spawner thread with the pid of an unreaped child.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "consumers/process_host.h"
#include "schemas/result.h"

namespace solo::consumers {

/// The children that were spawned and are not yet reaped. Thread-safe.
class Children {
 public:
  void add(pid_t child) {
    const std::lock_guard lock(mutex_);
    pids_.insert(child);
  }
  /// To be called before a child is reaped: from then on its pid may be another's.
  void remove(pid_t child) {
    const std::lock_guard lock(mutex_);
    pids_.erase(child);
  }
  bool has(pid_t child) const {
    const std::lock_guard lock(mutex_);
    return pids_.contains(child);
  }

 private:
  mutable std::mutex mutex_;
  std::set<pid_t> pids_;
};

class SpawnerPool {
 public:
  using Done = std::function<void(schemas::Result<pid_t>)>;

  /// Adds to `children`, which must outlive it.
  SpawnerPool(Children& children, const std::string& run, int lock_descriptor, std::size_t spawners,
              std::size_t max_spawners);
  /// Kills what is half spawned; answers what waits with unavailable.
  ~SpawnerPool();
  SpawnerPool(const SpawnerPool&) = delete;
  SpawnerPool& operator=(const SpawnerPool&) = delete;

  void spawn(SpawnRequest request, std::chrono::milliseconds timeout, Done done);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Job {
    SpawnRequest request;
    std::chrono::milliseconds timeout{};
    Done done;
  };
  struct Slot {
    std::thread thread;
    pid_t tid = 0;
    bool busy = false;
    /// Its child was killed by the watchdog.
    bool killed = false;
    TimePoint since;
    TimePoint deadline;
  };

  void work(Slot& slot);
  void run(Slot& slot, Job& job);
  schemas::Result<pid_t> spawn_once(Slot& slot, const Job& job, int& error_number);
  void watch();
  bool kill_half_spawned(const Slot& slot);
  void add_slot();
  void arm_watchdog();
  TimePoint next_check(TimePoint now) const;

  Children& children_;
  /// Of its threads, and of children until their exec.
  const std::string name_;
  const int lock_descriptor_;
  const std::size_t max_spawners_;

  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable watchdog_wake_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::deque<Job> queue_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t idle_ = 0;
  /// When the watchdog will look next.
  TimePoint watchdog_at_;
  std::thread watchdog_;
};

/// Kills a child's group and reaps the child.
void kill_and_reap(pid_t child);

}  // namespace solo::consumers
