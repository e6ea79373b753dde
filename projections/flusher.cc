#include "projections/flusher.h"

#include <algorithm>

#include "projections/store.h"
#include "schemas/crash_point.h"

namespace solo::projections {
namespace {

using schemas::Result;

/// How many times the bound may wait unflushed before the projector has to wait for a flush.
constexpr std::uint64_t kBacklog = 4;
/// Between two tries to flush while there is no space.
constexpr std::chrono::milliseconds kRetry{500};

}  // namespace

Flusher::Flusher(Store& store, std::int64_t next_offset, std::uint64_t after_records, std::chrono::milliseconds after)
    : store_(store),
      after_records_(std::max<std::uint64_t>(after_records, 1)),
      after_(after),
      next_offset_(next_offset),
      flushed_offset_(next_offset),
      thread_([this] { run(); }) {}

Flusher::~Flusher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Flusher::due(Clock::time_point now) const {
  return unflushed_ >= after_records_ || (first_unflushed_ && now - *first_unflushed_ >= after_);
}

void Flusher::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (failing_) {
      changed_.wait_for(lock, kRetry, [&] { return stopping_; });
    } else if (!due(Clock::now())) {
      if (first_unflushed_) {
        changed_.wait_until(lock, *first_unflushed_ + after_);
      } else {
        changed_.wait(lock);
      }
      continue;
    }
    if (stopping_) return;
    failing_ = !flush_locked(lock);
  }
}

Result<void> Flusher::flush_locked(std::unique_lock<std::mutex>& lock) {
  const std::int64_t target = next_offset_;
  unflushed_ = 0;
  first_unflushed_.reset();
  lock.unlock();
  schemas::crash_point("view-flushing");
  Result<void> flushed = store_.flush();
  schemas::crash_point("view-flushed");
  lock.lock();
  if (flushed) {
    flushed_offset_ = std::max(flushed_offset_, target);
    failing_ = false;
    trouble_.clear();
  } else {
    trouble_ = flushed.error().message;
    if (!first_unflushed_) first_unflushed_ = Clock::now();
  }
  changed_.notify_all();
  return flushed;
}

void Flusher::stored(std::uint64_t records, std::int64_t next_offset) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || failing_ || unflushed_ < kBacklog * after_records_; });
  next_offset_ = next_offset;
  unflushed_ += records;
  if (!first_unflushed_) {
    first_unflushed_ = Clock::now();
    changed_.notify_all();
  } else if (unflushed_ >= after_records_) {
    changed_.notify_all();
  }
}

Result<void> Flusher::flush() {
  std::unique_lock lock(mutex_);
  return flush_locked(lock);
}

std::int64_t Flusher::flushed_offset() const {
  const std::lock_guard lock(mutex_);
  return flushed_offset_;
}

std::string Flusher::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace solo::projections
