// The writing half of the log seam. Adapters: embedded (embedded_log.h), in memory (memory_log.h).
//
// Threads: append() may be called from any thread; records appended by one thread to one partition keep their order.
// `done` is called exactly once, on a thread of the adapter, in the order of a partition's appends, and must not block;
// it may append, but not drain. Destroying the log ends what is outstanding first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

/// It is in the log and stays there (what that means on disk is documented per adapter).
struct Durable {
  schemas::Position position;
};
/// Nothing was written.
struct Refused {
  schemas::Error error;
};
/// It may or may not be in the log. Never to be reported as failed.
struct Unknown {
  schemas::Error error;
};
using AppendResult = std::variant<Durable, Refused, Unknown>;
using AppendDone = std::function<void(AppendResult)>;

class EventWriter {
 public:
  virtual ~EventWriter() = default;

  /// Appends to the partition of `key` (schemas/partitioning.h).
  void append(std::string key, std::string value, AppendDone done);
  /// Appends to a given partition: for records about the partition itself (genesis, RuntimeClaimed).
  virtual void append_to(std::int32_t partition, std::string key, std::string value, AppendDone done) = 0;

  virtual std::int32_t partitions() const = 0;

  /// Waits until everything appended before has ended, one way or the other. false: the deadline passed first.
  virtual bool drain(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace solo::producers
