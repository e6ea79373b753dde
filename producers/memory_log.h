// An EventLog in memory, for tests: any number of partitions, and appends that end as the test wants.
//
// Ownership: a MemoryStorage is the disk, and outlives the logs over it: a second MemoryLog over the same storage is
// the log after a restart. Threads: everything may be called from any thread. Durable here means: in the storage.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "producers/append_queue.h"
#include "producers/clock.h"
#include "producers/event_log.h"

namespace solo::producers {

class MemoryStorage {
 public:
  explicit MemoryStorage(std::int32_t partitions = 1, std::string log_uuid = "00000000-0000-4000-8000-000000000001");
  ~MemoryStorage();
  MemoryStorage(const MemoryStorage&) = delete;
  MemoryStorage& operator=(const MemoryStorage&) = delete;

 private:
  friend class MemoryLog;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How an append can be made to end.
enum class AppendFault : std::uint8_t {
  /// Refused.
  refuse,
  /// Unknown, and it is in the log.
  unknown_written,
  /// Unknown, and it is not in the log.
  unknown_not_written,
};

class MemoryLog final : public EventLog {
 public:
  explicit MemoryLog(std::int32_t partitions = 1);
  explicit MemoryLog(std::shared_ptr<MemoryStorage> storage, QueueLimits limits = {});
  /// With a clock for the records' timestamps, which must outlive the log.
  MemoryLog(std::shared_ptr<MemoryStorage> storage, const Clock& clock, QueueLimits limits = {});
  ~MemoryLog() override;
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  std::string_view kind() const override { return "memory"; }
  const Genesis& genesis() const override;
  std::int32_t partitions() const override;
  EventWriter& commands() override;
  EventWriter& observations() override;
  schemas::Result<Bounds> bounds(std::int32_t partition) override;
  LogCondition condition() const override;
  schemas::Result<void> check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) override;

  // For the test that owns it.

  /// The next `count` appends end so; add it again for another kind after them. An Error without a message is filled
  /// in.
  void fail_next(AppendFault fault, std::size_t count = 1, schemas::Error error = {});
  /// Appends stay outstanding until release().
  void hold();
  void release();
  /// While false, every append is refused with resource_exhausted and condition() says so.
  void set_writable(bool writable);
  /// Writes past the queue and every fault, before it returns.
  schemas::Position put(std::int32_t partition, std::string key, std::string value);
  /// Reading this record fails with data_loss from now on.
  void damage(schemas::Position position);
  /// The log now ends at `end`.
  void truncate(std::int32_t partition, std::int64_t end);
  /// All that is there.
  std::vector<schemas::LogRecord> records(std::int32_t partition = 0) const;

  // For readers (consumers/memory_reader.h).

  /// From `from` on, up to the limits; empty: none there yet.
  schemas::Result<std::vector<schemas::LogRecord>> read(schemas::Position from, std::size_t max_records,
                                                        std::size_t max_bytes) const;
  /// Waits until there is a record at `offset`, `woken` is set or the deadline passes.
  void wait_for(std::int32_t partition, std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                const std::atomic<bool>& woken) const;
  /// Makes waiters look at their `woken`.
  void wake_readers();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
