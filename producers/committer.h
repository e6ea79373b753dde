// The embedded log's one writing thread: takes what is queued, makes it durable with one sync, tells the mark, the
// readers and the appenders, in that order.
//
// After a failed write or sync it is not known what the disk holds, so nothing is retried: the store is closed and
// opened anew, what it holds is read back, and only then is more taken. If that fails, it ends for good: every append
// is refused from then on.
//
// Threads: read() and condition() may be called from any thread; close() from one, once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "producers/append_queue.h"
#include "producers/embedded_log.h"
#include "producers/live_tail.h"
#include "producers/log_opening.h"

namespace solo::producers {

class Committer {
 public:
  /// Starts its threads.
  Committer(const EmbeddedLogOptions& options, OpenedLog opened, AppendQueue& queue);
  /// As close().
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  const Genesis& genesis() const { return log_.genesis; }
  LiveTail& tail() { return tail_; }
  const LiveTail& tail() const { return tail_; }

  /// Durable records from `from` on; from memory if they are among the last ones.
  schemas::Result<std::vector<schemas::LogRecord>> read(std::int64_t from, std::size_t max_records,
                                                        std::size_t max_bytes) const;

  /// Reads durable records as read() does and keeps nothing.
  schemas::Result<RecordStore::Checked> check(const ReadRange& range) const;

  LogCondition condition() const;

  /// Records that cannot be read have been found: condition() says so from now on. The first to be found counts.
  void note_damage(const schemas::Error& error);

  /// Commits what is queued, ends the threads, and marks the log as closed in order. Repeated: the same answer.
  schemas::Result<void> close();

 private:
  void run();
  void commit(std::vector<PendingAppend>& batch);
  void succeed(std::vector<PendingAppend>& batch);
  void refuse(std::vector<PendingAppend>& batch, const schemas::Error& error);
  void fail(std::vector<PendingAppend>& batch, const schemas::Error& error);
  std::string damage_hint() const;
  schemas::Result<void> reopen(const schemas::Error& cause);
  void end_for_good(const schemas::Error& error);
  std::optional<schemas::Error> lack_of_room() const;
  void keep_every_second();
  void sync_mark();
  void merge_tables(std::size_t at_least);
  void mark_as_closed();

  const EmbeddedLogOptions options_;
  AppendQueue& queue_;
  OpenedLog log_;
  LiveTail tail_;
  /// Of log_.store: readers share it, closing and opening it are exclusive.
  mutable std::shared_mutex store_mutex_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::optional<schemas::Error> ended_;
  std::optional<schemas::Error> damage_;

  std::optional<schemas::Result<void>> closed_;
  /// The keeper's: tables that could not be merged would not be the next time either.
  bool merging_ = true;
  std::thread keeper_;
  std::thread thread_;
};

}  // namespace solo::producers
