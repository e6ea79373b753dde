// The reading half of the log seam: one partition's records, in order, from an offset on.
//
// Threads: a reader belongs to one thread; wake() alone may be called from any. It borrows the log and must not
// outlive it. Durability: only durable records are returned.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::consumers {

struct ReadLimits {
  std::size_t max_records = 1000;
  std::size_t max_bytes = 4 * 1024 * 1024;
};

class EventReader {
 public:
  virtual ~EventReader() = default;

  /// Up to the limits, at least one if any comes within `timeout`; empty: none came, or wake() was called.
  /// data_loss: a record is missing or damaged; the message names its offset. Reading on returns the same error.
  virtual schemas::Result<std::vector<schemas::LogRecord>> read(const ReadLimits& limits,
                                                                std::chrono::milliseconds timeout) = 0;

  /// Records that nobody needs any more: a next read may take their memory.
  virtual void reuse(std::vector<schemas::LogRecord>) {}

  /// The offset the next read starts at.
  virtual std::int64_t next_offset() const = 0;

  /// Where the partition ended when that was last heard of; asks nobody.
  virtual std::int64_t end_offset() const = 0;

  /// Ends a waiting read() early.
  virtual void wake() = 0;
};

}  // namespace solo::consumers
