// The log when there is no broker: one partition in a RocksDB of its own, in this process.
//
// Durability: Durable means that the record, and every one before it, is on the disk (fdatasync of RocksDB's
// write-ahead log has returned). One thread commits: whatever is queued when a sync ends goes into the next one, so
// many appenders share a sync.
//
// Layout of the directory: LOCK (held while open), mark (durable_mark.h), db/ (RocksDB; records as record_format.h
// says), damaged-N/ (the write-ahead log as it was found, kept when acknowledged records are missing).
//
// Failures: a failed write or sync is never retried. Its appends are Unknown; the log closes, reopens, reads what is
// there, and only then takes more. If that fails, everything is refused and `on_fatal` is told: the process has to end.
// Below `min_free_bytes` appends are refused with resource_exhausted, by measuring anew each time; reading goes on.
//
// Damage: a record that cannot be read is data_loss to whoever reads it. check_in_background() finds those that nobody
// reads.
//
// Threads: every function may be called from any thread. Two of its own: the committer, and one that once a second
// syncs the mark and merges small tables; a third one while it is checked. Ownership: readers
// (consumers/embedded_reader.h) borrow the log; they end before it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "producers/append_queue.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "producers/log_scrub.h"

namespace rocksdb {
class Env;
}

namespace solo::producers {

struct EmbeddedLogOptions {
  /// STATE/log. Made if it is not there.
  std::filesystem::path directory;
  QueueLimits queue;
  /// At most so much goes into one sync.
  std::size_t max_batch_bytes = 2 * 1024 * 1024;
  /// Bounds the write-ahead log, and with it the time to reopen.
  std::size_t write_buffer_bytes = 1024 * 1024;
  /// Appends are refused while the file system has less room than this.
  std::uint64_t min_free_bytes = 64 * 1024 * 1024;
  /// How much room there is; statvfs(3) unless given.
  std::function<schemas::Result<std::uint64_t>(const std::filesystem::path&)> free_space;
  /// Told once, on the committer's thread, when the log has closed for good.
  std::function<void(const schemas::Error&)> on_fatal;
  /// What RocksDB runs on; its default unless given. Tests let it fail. Must outlive the log.
  rocksdb::Env* env = nullptr;
};

/// What opening found.
struct LogOpenReport {
  /// There was no log; its genesis was written.
  bool created = false;
  /// The log was closed in order.
  bool clean = false;
  /// The mark was missing or unreadable, so that nothing tells whether acknowledged records are missing.
  bool mark_lost = false;
  /// Records before this offset were acknowledged, as far as the mark knows.
  std::int64_t marked_end = 0;
  std::int64_t end = 0;
  /// Bytes of a half-written or damaged tail, behind everything acknowledged, that were cut off.
  std::uint64_t cut_bytes = 0;
};

class EmbeddedLog final : public EventLog {
 public:
  /// failed_precondition: another process has it open, or it is no Solo log, or one of a newer format.
  /// data_loss: acknowledged records are missing or damaged; the message names the offset, and where the evidence is.
  /// resource_exhausted: no space. permission_denied, internal: the file system said so.
  /// `clock` and `entropy` must outlive the log.
  static schemas::Result<std::unique_ptr<EmbeddedLog>> open(EmbeddedLogOptions options, const Clock& clock,
                                                            Entropy& entropy, LogOpenReport* report = nullptr);
  /// As close().
  ~EmbeddedLog() override;
  EmbeddedLog(const EmbeddedLog&) = delete;
  EmbeddedLog& operator=(const EmbeddedLog&) = delete;

  /// Commits what is outstanding and marks the log as closed in order. What is appended later is refused at once, on
  /// the caller's thread. An error: the log had closed itself before, for good. Repeated: the same answer.
  schemas::Result<void> close();

  /// Reads every record that is there now, once, slowly, on a thread of its own; close() ends it at once. A record that
  /// cannot be read makes condition() name it, from then on. To be called once.
  void check_in_background(ScrubPace pace = {});

  std::string_view kind() const override { return "embedded"; }
  const Genesis& genesis() const override;
  std::int32_t partitions() const override { return 1; }
  EventWriter& commands() override;
  EventWriter& observations() override;
  schemas::Result<Bounds> bounds(std::int32_t partition) override;
  LogCondition condition() const override;
  schemas::Result<void> check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) override;

  // For readers (consumers/embedded_reader.h).

  /// Durable records from `from` on, up to the limits but at least one; empty: the log ends there.
  /// data_loss: record `from` is missing or damaged.
  schemas::Result<std::vector<schemas::LogRecord>> read(std::int64_t from, std::size_t max_records,
                                                        std::size_t max_bytes) const;
  /// Waits until record `offset` is durable, `woken` is set or the deadline passes.
  void wait_for(std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                const std::atomic<bool>& woken) const;
  /// Makes waiters look at their `woken`.
  void wake_readers();

 private:
  struct Impl;
  explicit EmbeddedLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
