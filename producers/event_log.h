// One log as the daemon holds it: two writers, its genesis, its bounds and its condition. Readers (consumers/
// event_reader.h) borrow it and must not outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "producers/event_writer.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

/// From offset 0 of every partition.
struct Genesis {
  std::string log_uuid;
  std::uint32_t format = 1;
  std::uint32_t rules = 1;
  std::int32_t partitions = 1;
  std::string origin;
};

/// Offsets [first, end) of a partition are durable and readable.
struct Bounds {
  std::int64_t first = 0;
  std::int64_t end = 0;
};

struct LogCondition {
  bool writable = true;
  /// Why not, and what would change it.
  std::string detail;
};

/// How a record is recognised again: to see that this log is the one the views were built from.
struct RecordFingerprint {
  std::int64_t offset = 0;
  std::string id;
  /// CRC-32C over the value (schemas/crc32c.h).
  std::uint32_t crc = 0;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  /// `embedded`, `kafka`, `memory`.
  virtual std::string_view kind() const = 0;
  virtual const Genesis& genesis() const = 0;
  virtual std::int32_t partitions() const = 0;

  /// Commands: an append whose outcome is unknown is never repeated.
  virtual EventWriter& commands() = 0;
  /// Observations: their publisher repeats what is not durable, in order, until it is. So that it can: when one has
  /// not become durable, every one appended behind it is refused (unavailable) until its `done` has returned.
  virtual EventWriter& observations() = 0;

  /// As far as this process knows: what it has appended counts; what others have may take a moment.
  virtual schemas::Result<Bounds> bounds(std::int32_t partition) = 0;
  /// With all that anybody had appended when it was asked; may have to ask a broker.
  virtual schemas::Result<Bounds> bounds_now(std::int32_t partition) { return bounds(partition); }
  /// Thread-safe.
  virtual LogCondition condition() const = 0;

  /// Are these records (ascending) still where they were? failed_precondition names the first that is not: the log
  /// was truncated, recreated, regrown or is another one.
  virtual schemas::Result<void> check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) = 0;
};

}  // namespace solo::producers
