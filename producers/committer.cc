#include "producers/committer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "producers/file_io.h"
#include "schemas/crash_point.h"

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;
using schemas::LogRecord;
using schemas::Result;

/// What readers who keep up find in memory.
constexpr std::size_t kTailBytes = 8 * 1024 * 1024;
constexpr std::chrono::seconds kKeepInterval{1};
/// More than so many records between two rounds: merging tables would slow them down, so it is put off until there are
/// so many tables.
constexpr std::int64_t kBusyRecords = 2000;
constexpr std::size_t kBusyTables = 32;

Error unknown_error(const Error& cause) {
  return {ErrorCode::unavailable, "whether it was written is not known: " + cause.message, "ask again with the same id",
          true};
}

}  // namespace

Committer::Committer(const EmbeddedLogOptions& options, OpenedLog opened, AppendQueue& queue)
    : options_(options), queue_(queue), log_(std::move(opened)), tail_(log_.end, kTailBytes) {
  keeper_ = std::thread([this] { keep_every_second(); });
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  if (auto closed = close(); !closed) spdlog::error("closing the log: {}", closed.error().message);
}

Result<std::vector<LogRecord>> Committer::read(std::int64_t from, std::size_t max_records,
                                               std::size_t max_bytes) const {
  std::vector<LogRecord> found;
  if (tail_.read(from, max_records, max_bytes, found)) return found;
  const std::shared_lock lock(store_mutex_);
  if (!log_.store) return schemas::fail(ErrorCode::unavailable, "the log is closed");
  return log_.store->read({from, tail_.end(), max_records, max_bytes});
}

Result<RecordStore::Checked> Committer::check(const ReadRange& range) const {
  const std::shared_lock lock(store_mutex_);
  if (!log_.store) return schemas::fail(ErrorCode::unavailable, "the log is closed");
  return log_.store->check(range);
}

LogCondition Committer::condition() const {
  std::optional<Error> damage;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return {false, ended_->message};
    damage = damage_;
  }
  if (const auto lack = lack_of_room()) return {false, fmt::format("{}: {}", lack->message, lack->hint)};
  if (damage) return {true, fmt::format("{}: {}", damage->message, damage->hint)};
  return {};
}

void Committer::note_damage(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (damage_) return;
  damage_ = Error{error.code, error.message, damage_hint()};
  spdlog::error("{}", damage_->message);
  spdlog::error("hint: {}", damage_->hint);
}

std::string Committer::damage_hint() const {
  return fmt::format(
      "what was applied stays in force, but the views cannot be rebuilt over it: stop the daemon and bring {} back "
      "from "
      "a copy; `solo log check` looks at every record",
      options_.directory.native());
}

std::optional<Error> Committer::lack_of_room() const {
  const auto room = options_.free_space ? options_.free_space(options_.directory) : free_bytes(options_.directory);
  if (!room) return room.error();
  if (*room >= options_.min_free_bytes) return std::nullopt;
  return Error{ErrorCode::resource_exhausted,
               fmt::format("the log takes no records: {} bytes are free where {} is, and {} must stay free", *room,
                           options_.directory.native(), options_.min_free_bytes),
               "make room on that file system; writing then goes on by itself", true};
}

void Committer::run() {
  for (;;) {
    auto batch = queue_.take(options_.max_batch_bytes);
    if (batch.empty()) return;
    commit(batch);
  }
}

void Committer::commit(std::vector<PendingAppend>& batch) {
  if (ended_) return refuse(batch, *ended_);
  std::vector<NewRecord> records;
  records.reserve(batch.size());
  for (const auto& append : batch) {
    if (!append.refused) records.push_back({append.timestamp, append.key, append.value});
  }
  if (records.empty()) return succeed(batch);
  if (const auto lack = lack_of_room()) return refuse(batch, *lack);
  if (auto written = log_.store->append(log_.end, records); !written) return fail(batch, written.error());
  schemas::crash_point("written");
  succeed(batch);
}

void Committer::succeed(std::vector<PendingAppend>& batch) {
  std::vector<LogRecord> records;
  std::vector<std::int64_t> offsets(batch.size(), -1);
  records.reserve(batch.size());
  for (std::size_t at = 0; at < batch.size(); ++at) {
    auto& append = batch[at];
    if (append.refused) continue;
    offsets[at] = log_.end++;
    records.push_back({{0, offsets[at]}, append.timestamp, std::move(append.key), std::move(append.value)});
  }
  // The mark first: nothing may be acknowledged that it does not vouch for.
  log_.mark->advance(log_.end);
  if (!records.empty()) tail_.extend(std::move(records));
  schemas::crash_point("durable");
  for (std::size_t at = 0; at < batch.size(); ++at) {
    auto& append = batch[at];
    queue_.end(append,
               append.refused ? AppendResult(Refused{*append.refused}) : AppendResult(Durable{{0, offsets[at]}}));
  }
}

void Committer::refuse(std::vector<PendingAppend>& batch, const Error& error) {
  queue_.fence(batch);
  for (auto& append : batch) queue_.end(append, Refused{append.refused.value_or(error)});
}

void Committer::fail(std::vector<PendingAppend>& batch, const Error& error) {
  spdlog::error("{}: reopening it", error.message);
  queue_.fence(batch);
  const auto reopened = reopen(error);
  if (reopened) {
    spdlog::warn("the log is open again and ends at {}", log_.end);
  } else {
    end_for_good(reopened.error());
  }
  for (auto& append : batch) {
    queue_.end(append,
               append.refused ? AppendResult(Refused{*append.refused}) : AppendResult(Unknown{unknown_error(error)}));
  }
  if (!reopened && options_.on_fatal) options_.on_fatal(*ended_);
}

Result<void> Committer::reopen(const Error& cause) {
  const std::unique_lock lock(store_mutex_);
  log_.store.reset();
  // RocksDB came upon damage: it would again.
  if (cause.code == ErrorCode::data_loss) return schemas::fail(explain_damage(cause, options_, log_.end));
  auto recovered = recover_store(options_, log_.end);
  if (!recovered) return schemas::fail(recovered.error());
  log_.store = std::move(recovered->store);
  // What had not been acknowledged may have got there all the same; it counts from now on.
  while (log_.end < recovered->end) {
    auto records = log_.store->read({log_.end, recovered->end});
    if (!records) return schemas::fail(records.error());
    log_.end = records->back().position.offset + 1;
    log_.mark->advance(log_.end);
    tail_.extend(std::move(*records));
  }
  return {};
}

void Committer::end_for_good(const Error& error) {
  Error ended{error.code, "the log has closed after a failed write: " + error.message, error.hint};
  spdlog::critical("{}", ended.message);
  queue_.refuse_all(ended);
  const std::lock_guard lock(mutex_);
  ended_ = std::move(ended);
}

void Committer::keep_every_second() {
  auto kept = log_.mark->end();
  std::unique_lock lock(mutex_);
  while (!stopping_changed_.wait_for(lock, kKeepInterval, [&] { return stopping_; })) {
    lock.unlock();
    const auto end = log_.mark->end();
    if (end != kept) sync_mark();
    const bool busy = end - kept > kBusyRecords;
    merge_tables(busy ? kBusyTables : RecordStore::kTablesToMerge);
    kept = end;
    lock.lock();
  }
}

void Committer::sync_mark() {
  if (auto done = log_.mark->sync(); !done) spdlog::warn("{}", done.error().message);
}

void Committer::merge_tables(std::size_t at_least) {
  // It takes as much room as it gives back in the end.
  if (!merging_ || lack_of_room()) return;
  const std::shared_lock lock(store_mutex_);
  for (bool more = true; more && log_.store;) {
    const auto merged = log_.store->merge_tables(at_least);
    if (!merged && merged.error().code == ErrorCode::resource_exhausted) {
      // The room was gone when it was needed: nothing is wrong with the log, and another time it may be there.
      spdlog::debug("{}", merged.error().message);
    } else if (!merged) {
      merging_ = false;
      note_damage(merged.error());
    }
    more = merged.value_or(false);
  }
}

Result<void> Committer::close() {
  if (closed_) return *closed_;
  queue_.stop();
  thread_.join();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  keeper_.join();
  const std::unique_lock lock(store_mutex_);
  closed_ = ended_ ? Result<void>(schemas::fail(*ended_)) : Result<void>();
  if (!ended_) mark_as_closed();
  log_.store.reset();
  log_.lock.reset();
  return *closed_;
}

/// So that the next open has nothing to recover. When it does not work, that one recovers: nothing is lost.
void Committer::mark_as_closed() {
  auto done = log_.store->flush();
  if (done) done = log_.mark->set_closed_in_order(true);
  if (!done) spdlog::warn("{}: the next start will recover the log", done.error().message);
}

}  // namespace solo::producers
