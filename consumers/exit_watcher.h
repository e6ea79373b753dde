// One thread that waits, by epoll, for the pidfds of all processes, and deals with each one's end.
//
// A child's end: kill what is left of its process group while its leader is unreaped (so that the group's number is
// certainly its own), reap it, wait a moment for the group to be gone, report. The end of an adopted process
// (somebody else's child): kill what is left of its session, report.
//
// Threads: every function may be called from any thread; callbacks come on the watcher's thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "consumers/descriptor.h"
#include "consumers/process_host.h"

namespace solo::consumers {

/// A process as its handle and the watcher share it.
struct WatchedProcess {
  Identity identity;
  Descriptor pidfd;
  /// Ours to reap.
  bool child = false;

  std::mutex mutex;
  /// Guarded by mutex: it is reaped (a child) or seen to have ended, so its pid may be another's.
  bool gone = false;
  /// Guarded by mutex.
  ProcessHost::Exited exited;
  Exit end;
  /// Guarded by mutex: `end` is known and everything that belonged to the process is gone.
  bool over = false;
};

class ExitWatcher {
 public:
  /// `before_reaping` is called with a child's pid.
  explicit ExitWatcher(std::function<void(pid_t)> before_reaping);
  ~ExitWatcher();
  ExitWatcher(const ExitWatcher&) = delete;
  ExitWatcher& operator=(const ExitWatcher&) = delete;

  void add(const std::shared_ptr<WatchedProcess>& process);
  /// Sets who is to be told; at once if it has ended already.
  void tell(const std::shared_ptr<WatchedProcess>& process, ProcessHost::Exited exited);

 private:
  struct Vanishing {
    std::shared_ptr<WatchedProcess> process;
    std::chrono::steady_clock::time_point deadline;
  };

  void run();
  void on_end(std::uint64_t number);
  void bury_child(WatchedProcess& process);
  void check_vanishing();
  void report(WatchedProcess& process);
  void wake();

  const std::function<void(pid_t)> before_reaping_;
  Descriptor epoll_;
  Descriptor wake_;

  std::mutex mutex_;
  bool stop_ = false;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, std::shared_ptr<WatchedProcess>> watched_;
  std::vector<std::shared_ptr<WatchedProcess>> to_report_;

  /// The thread's own: reaped, while others of its group are still dying.
  std::vector<Vanishing> vanishing_;
  std::thread thread_;
};

}  // namespace solo::consumers
