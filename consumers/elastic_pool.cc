#include "consumers/elastic_pool.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "consumers/start_thread.h"
#include "producers/signals.h"

namespace solo::consumers {

ElasticPool::ElasticPool(std::size_t threads, std::size_t max_threads) : max_threads_(std::max(threads, max_threads)) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) add_worker();
  if (!workers_.empty()) return;
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "no thread for files");
}

ElasticPool::~ElasticPool() {
  std::vector<std::unique_ptr<Worker>> workers;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    tasks_.clear();
    workers.swap(workers_);
  }
  posted_.notify_all();
  for (const auto& worker : workers) worker->thread.join();
}

void ElasticPool::run(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    tasks_.push_back(std::move(task));
  }
  posted_.notify_one();
}

bool ElasticPool::tend() {
  const std::lock_guard lock(mutex_);
  if (tasks_.empty() || stop_) return false;
  const auto now = std::chrono::steady_clock::now();
  const bool all_held_up = std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->busy && worker->since + kHeldUp <= now;
  });
  if (all_held_up && workers_.size() < max_threads_) add_worker();
  return true;
}

void ElasticPool::add_worker() {
  auto worker = std::make_unique<Worker>();
  auto thread = start_thread([this, &worker = *worker] { work(worker); });
  if (!thread) return;
  worker->thread = *std::move(thread);
  workers_.push_back(std::move(worker));
}

void ElasticPool::work(Worker& worker) {
  producers::block_signals();
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [&] { return stop_ || !tasks_.empty(); });
    if (stop_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    worker.busy = true;
    worker.since = std::chrono::steady_clock::now();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    worker.busy = false;
  }
}

}  // namespace solo::consumers
