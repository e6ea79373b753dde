// Where the embedded log ends, for those who read along: the end of what is durable, and the last records before it, so
// that a reader who keeps up never goes to the store.
//
// Threads: extend() belongs to the committer; everything else may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "schemas/position.h"

namespace solo::producers {

class LiveTail {
 public:
  /// `end`: the first offset that will come. Records are kept up to `max_bytes`.
  LiveTail(std::int64_t end, std::size_t max_bytes) : max_bytes_(max_bytes), end_(end) {}

  std::int64_t end() const;

  /// These are durable now, at end() and behind.
  void extend(std::vector<schemas::LogRecord> records);

  /// Records from `from` on, up to the limits but at least one; empty: none yet. false: they are no longer here.
  bool read(std::int64_t from, std::size_t max_records, std::size_t max_bytes,
            std::vector<schemas::LogRecord>& into) const;

  /// Waits until record `offset` is durable, `woken` is set or the deadline passes.
  void wait_for(std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                const std::atomic<bool>& woken) const;

  /// Makes waiters look at their `woken`.
  void wake();

 private:
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  mutable std::condition_variable extended_;
  std::int64_t end_;
  /// The records before end_, without a gap.
  std::deque<schemas::LogRecord> kept_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace solo::producers
