#include "producers/live_tail.h"

#include <cassert>
#include <iterator>
#include <utility>

namespace solo::producers {
namespace {

std::size_t size_of(const schemas::LogRecord& record) { return record.key.size() + record.value.size(); }

}  // namespace

std::int64_t LiveTail::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

void LiveTail::extend(std::vector<schemas::LogRecord> records) {
  std::vector<schemas::LogRecord> dropped;  // freed after the lock is
  {
    const std::lock_guard lock(mutex_);
    for (auto& record : records) {
      assert(record.position.offset == end_);
      ++end_;
      kept_bytes_ += size_of(record);
      kept_.push_back(std::move(record));
    }
    while (kept_bytes_ > max_bytes_) {
      kept_bytes_ -= size_of(kept_.front());
      dropped.push_back(std::move(kept_.front()));
      kept_.pop_front();
    }
  }
  extended_.notify_all();
}

bool LiveTail::read(std::int64_t from, std::size_t max_records, std::size_t max_bytes,
                    std::vector<schemas::LogRecord>& into) const {
  const std::lock_guard lock(mutex_);
  if (from >= end_) return true;
  const auto first = end_ - static_cast<std::int64_t>(kept_.size());
  if (from < first) return false;
  std::size_t bytes = 0;
  for (auto at = std::next(kept_.begin(), from - first); at != kept_.end() && into.size() < max_records; ++at) {
    if (!into.empty() && bytes + size_of(*at) > max_bytes) break;
    bytes += size_of(*at);
    into.push_back(*at);
  }
  return true;
}

void LiveTail::wait_for(std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                        const std::atomic<bool>& woken) const {
  std::unique_lock lock(mutex_);
  extended_.wait_until(lock, deadline, [&] { return end_ > offset || woken.load(); });
}

void LiveTail::wake() {
  // Under the mutex, so that no waiter is between its look and its sleep.
  const std::lock_guard lock(mutex_);
  extended_.notify_all();
}

}  // namespace solo::producers
