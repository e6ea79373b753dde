// Threads for short work on files that may hang (a dead network mount): a few, and more while all of them are held
// up, so that one service's bad path does not hold up another's.
//
// Threads: run() and tend() from any. Destroying the pool drops what has not begun and waits for what has.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace solo::consumers {

class ElasticPool {
 public:
  using Task = std::function<void()>;

  /// Throws std::system_error where not even one thread can be had.
  ElasticPool(std::size_t threads, std::size_t max_threads);
  ~ElasticPool();
  ElasticPool(const ElasticPool&) = delete;
  ElasticPool& operator=(const ElasticPool&) = delete;

  void run(Task task);

  /// Adds a thread if something waits and every thread is held up. true: something waits; call again after kHeldUp.
  bool tend();
  static constexpr std::chrono::milliseconds kHeldUp{50};

 private:
  struct Worker {
    std::thread thread;
    bool busy = false;
    std::chrono::steady_clock::time_point since;
  };

  /// None, where there is no room for one more thread: those that are there go on.
  void add_worker();
  void work(Worker& worker);

  const std::size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable posted_;
  bool stop_ = false;
  std::deque<Task> tasks_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace solo::consumers
