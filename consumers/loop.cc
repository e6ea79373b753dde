#include "consumers/loop.h"

#include <future>
#include <memory>

#include "producers/signals.h"

namespace solo::consumers {

Loop::~Loop() { stop(); }

void Loop::start(Task after_each) {
  after_each_ = std::move(after_each);
  thread_ = std::thread([this] { work(); });
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  posted_.notify_all();
  if (thread_.joinable()) thread_.join();
  timers_.clear();
  std::vector<Task> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(tasks_);
}

void Loop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    tasks_.push_back(std::move(task));
  }
  posted_.notify_one();
}

bool Loop::run(Task task) {
  if (!started()) return false;
  // A dropped task breaks its promise.
  auto promise = std::make_shared<std::promise<void>>();
  std::future<void> done = promise->get_future();
  post([task = std::move(task), promise = std::move(promise)] {
    task();
    promise->set_value();
  });
  try {
    done.get();
    return true;
  } catch (const std::future_error&) {
    return false;
  }
}

Loop::TimerId Loop::at(Instant when, Task task) {
  const TimerId timer{when, ++last_timer_};
  timers_.emplace(timer, std::move(task));
  return timer;
}

void Loop::cancel(TimerId timer) { timers_.erase(timer); }

void Loop::work() {
  producers::block_signals();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const auto ready = [&] { return stop_ || !tasks_.empty(); };
    if (timers_.empty()) {
      posted_.wait(lock, ready);
    } else {
      posted_.wait_until(lock, timers_.begin()->first.first, ready);
    }
    if (stop_) return;
    std::vector<Task> tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (Task& task : tasks) task();
    tasks.clear();
    run_due_timers();
    after_each_();
    lock.lock();
  }
}

void Loop::run_due_timers() {
  const Instant now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

}  // namespace solo::consumers
