// A thread that owns state: tasks and timers run on it one after the other, so what they touch needs no lock.
//
// Threads: post() from any; at() and cancel() on the loop's own. Those who post should make sure that what they post is
// bounded by something (the number of processes, of services): the queue itself is not.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace solo::consumers {

class Loop {
 public:
  using Task = std::function<void()>;
  using Instant = std::chrono::steady_clock::time_point;
  using TimerId = std::pair<Instant, std::uint64_t>;

  Loop() = default;
  /// stop() must have been called, or start() never.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// `after_each` runs whenever all that was posted is done.
  void start(Task after_each);
  /// From another thread. Tasks that have not begun are dropped, and so is what is posted afterwards.
  void stop();

  void post(Task task);
  bool started() const { return thread_.joinable(); }
  /// Posts and waits until it has run. false: the loop has stopped, or never started.
  bool run(Task task);

  TimerId at(Instant when, Task task);
  void cancel(TimerId timer);

 private:
  void work();
  void run_due_timers();

  std::mutex mutex_;
  std::condition_variable posted_;
  bool stop_ = false;
  std::vector<Task> tasks_;
  std::thread thread_;

  // The thread's own.
  Task after_each_;
  std::uint64_t last_timer_ = 0;
  std::map<TimerId, Task> timers_;
};

}  // namespace solo::consumers
