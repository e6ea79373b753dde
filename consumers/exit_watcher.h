// One thread that waits, by epoll, for the pidfds of all processes, and deals with each one's end.
//
// A process's end: kill what it leaves behind (its process group, its session, what carries its marker; a child's while
// it is unreaped, so that those numbers are certainly its own), reap it if it is a child, wait a moment for all of them
// to be gone, report.
//
// Threads: every function may be called from any thread; callbacks come on the watcher's thread.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "consumers/descriptor.h"
#include "consumers/process_host.h"

namespace solo::consumers {

/// Ends that are about to come, because they were asked for. Until they have, what others leave behind is not looked
/// for: one look does for all who end together. Not for long: who was asked may not listen. Thread-safe.
class ExpectedEnds {
 public:
  void add(std::size_t count = 1);
  void remove(std::size_t count = 1) { count_.fetch_sub(count); }
  /// That can still be counted on.
  std::size_t count() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<std::size_t> count_ = 0;
  std::atomic<Clock::rep> last_added_ = 0;
};

/// A process as its handle and the watcher share it.
struct WatchedProcess {
  Identity identity;
  /// What its descendants are known by; nothing: not known.
  std::optional<Marker> marker;
  Descriptor pidfd;
  /// Ours to reap.
  bool child = false;

  std::mutex mutex;
  /// Guarded by mutex: it is reaped (a child) or seen to have ended, so its pid may be another's.
  bool gone = false;
  /// Guarded by mutex: its end has been seen; what it leaves behind is being dealt with.
  bool ending = false;
  /// Guarded by mutex: where to say that it was asked to end; nothing while it is not watched.
  std::shared_ptr<ExpectedEnds> expected;
  /// Guarded by mutex: that has been said.
  bool asked_to_end = false;

  /// With the mutex held: it was sent a signal that should end it.
  void note_asked();

  /// Guarded by mutex.
  ProcessHost::Exited exited;
  Exit end;
  /// Guarded by mutex: `end` is known and everything that belonged to the process is gone.
  bool over = false;
};

class ExitWatcher {
 public:
  /// As epoll_ctl(2).
  using EpollControl = std::function<int(int, int, int, epoll_event*)>;

  /// `before_reaping` is called with a child's pid.
  explicit ExitWatcher(std::function<void(pid_t)> before_reaping, EpollControl control = ::epoll_ctl);
  ~ExitWatcher();
  ExitWatcher(const ExitWatcher&) = delete;
  ExitWatcher& operator=(const ExitWatcher&) = delete;

  /// While the system lets no more be waited for (max_user_watches, memory) it is looked at now and then instead.
  void add(const std::shared_ptr<WatchedProcess>& process);
  /// Sets who is to be told; at once if it has ended already.
  void tell(const std::shared_ptr<WatchedProcess>& process, ProcessHost::Exited exited);
  /// As ProcessHost::asking_many_to_end().
  std::shared_ptr<void> expect_many();

 private:
  using Ended = std::vector<std::shared_ptr<WatchedProcess>>;
  struct Vanishing {
    std::shared_ptr<WatchedProcess> process;
    std::chrono::steady_clock::time_point deadline;
    /// Killed outside its process group, and perhaps not yet dead.
    std::vector<Descriptor> descendants;
  };

  void run();
  int pause_ms() const;
  bool watch(std::uint64_t number, const WatchedProcess& process);
  void look_at_unwatched();
  void on_end(std::uint64_t number);
  void bury_ended();
  std::chrono::steady_clock::time_point look_at() const;
  std::set<pid_t> living() const;
  void reap(WatchedProcess& process);
  static bool has_vanished(Vanishing& entry);
  void check_vanishing();
  void let_more_end();
  void report(WatchedProcess& process);
  void wake();

  const std::function<void(pid_t)> before_reaping_;
  const EpollControl control_;
  Descriptor epoll_;
  Descriptor wake_;

  mutable std::mutex mutex_;
  bool stop_ = false;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, std::shared_ptr<WatchedProcess>> watched_;
  /// Of those: epoll did not take them.
  std::set<std::uint64_t> unwatched_;
  std::vector<std::shared_ptr<WatchedProcess>> to_report_;

  const std::shared_ptr<ExpectedEnds> expected_ = std::make_shared<ExpectedEnds>();

  // The thread's own.
  /// Ended and not yet reaped: what they leave behind is looked for first, for all of them at once, and not again
  /// before next_look_.
  Ended ended_;
  /// When the first of them was seen.
  std::chrono::steady_clock::time_point first_ended_;
  std::chrono::steady_clock::time_point next_look_;
  /// Reaped, while others of theirs are still dying.
  std::vector<Vanishing> vanishing_;
  std::thread thread_;
};

}  // namespace solo::consumers
