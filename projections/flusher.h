// A thread that flushes a store in the background, so that a restart has little to replay.
//
// Thread-safe. The thread ends with the object; what is unflushed then is the owner's to flush or lose.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "schemas/result.h"

namespace solo::projections {

class Store;

class Flusher {
 public:
  /// Flushes once `after_records` records, or the first of them for `after`, have been waiting. `next_offset`: what
  /// is stored, and flushed, at the beginning.
  Flusher(Store& store, std::int64_t next_offset, std::uint64_t after_records, std::chrono::milliseconds after);
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  /// `records` more are stored, everything before `next_offset` now. Waits while a flush is so far behind that the
  /// bound would be exceeded many times over.
  void stored(std::uint64_t records, std::int64_t next_offset);

  /// Flushes now what is stored.
  schemas::Result<void> flush();

  /// Everything before it survives a crash.
  std::int64_t flushed_offset() const;

  /// Why the last flush failed; empty: it did not.
  std::string trouble() const;

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  bool due(Clock::time_point now) const;
  schemas::Result<void> flush_locked(std::unique_lock<std::mutex>& lock);

  Store& store_;
  const std::uint64_t after_records_;
  const std::chrono::milliseconds after_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool failing_ = false;
  std::uint64_t unflushed_ = 0;
  std::optional<Clock::time_point> first_unflushed_;
  std::int64_t next_offset_;
  std::int64_t flushed_offset_;
  std::string trouble_;
  std::thread thread_;
};

}  // namespace solo::projections
