#include "producers/memory_log.h"

#include <fmt/format.h>

#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "producers/genesis.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Position;
using schemas::Result;

struct MemoryStorage::Impl {
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  Genesis genesis;
  std::vector<std::vector<LogRecord>> partitions;
  std::set<Position> damaged;

  std::vector<LogRecord>& of(std::int32_t partition) { return partitions.at(static_cast<std::size_t>(partition)); }

  Position put(std::int32_t partition, std::string key, std::string value, std::int64_t timestamp) {
    Position position{partition, 0};
    {
      const std::lock_guard lock(mutex);
      auto& records = of(partition);
      position.offset = static_cast<std::int64_t>(records.size());
      records.push_back({position, timestamp, std::move(key), std::move(value)});
    }
    changed.notify_all();
    return position;
  }
};

MemoryStorage::MemoryStorage(std::int32_t partitions, std::string log_uuid) : impl_(std::make_unique<Impl>()) {
  impl_->genesis.log_uuid = std::move(log_uuid);
  impl_->genesis.partitions = partitions;
  impl_->partitions.resize(static_cast<std::size_t>(partitions));
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    impl_->put(partition, std::string(kGenesisKey), encode_genesis(impl_->genesis, partition, 0), 0);
  }
}

MemoryStorage::~MemoryStorage() = default;

struct MemoryLog::Impl {
  struct Fault {
    AppendFault kind;
    Error error;
  };

  Impl(std::shared_ptr<MemoryStorage> storage, const Clock* given_clock, QueueLimits limits)
      : disk_owner(std::move(storage)),
        disk(*disk_owner->impl_),
        clock(given_clock != nullptr ? *given_clock : system_clock),
        queue(limits, disk.genesis.partitions, clock),
        commands(queue, Lane::commands),
        observations(queue, Lane::observations),
        committer([this] { commit_all(); }) {}

  void commit_all();
  void commit(PendingAppend& append);
  AppendResult fail_as(const Fault& fault, PendingAppend& append);

  SystemClock system_clock;
  std::shared_ptr<MemoryStorage> disk_owner;
  MemoryStorage::Impl& disk;
  const Clock& clock;
  AppendQueue queue;
  QueueWriter commands;
  QueueWriter observations;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable released;
  std::deque<Fault> faults;
  bool held = false;
  bool stopping = false;
  bool writable = true;

  std::thread committer;
};

namespace {

Error full_error() {
  return {ErrorCode::resource_exhausted, "the log takes no records: no space left", "make room", true};
}

}  // namespace

void MemoryLog::Impl::commit_all() {
  for (;;) {
    auto batch = queue.take(1);
    if (batch.empty()) return;
    {
      std::unique_lock lock(mutex);
      released.wait(lock, [&] { return !held || stopping; });
    }
    for (auto& append : batch) commit(append);
  }
}

void MemoryLog::Impl::commit(PendingAppend& append) {
  if (append.refused) return queue.end(append, Refused{*append.refused});
  std::optional<Fault> fault;
  {
    const std::lock_guard lock(mutex);
    if (!writable) {
      fault = Fault{AppendFault::refuse, full_error()};
    } else if (!faults.empty()) {
      fault = std::move(faults.front());
      faults.pop_front();
    }
  }
  if (fault) {
    auto result = fail_as(*fault, append);
    queue.fence({&append, 1});
    return queue.end(append, std::move(result));
  }
  const auto position = disk.put(append.partition, std::move(append.key), std::move(append.value), append.timestamp);
  queue.end(append, Durable{position});
}

AppendResult MemoryLog::Impl::fail_as(const Fault& fault, PendingAppend& append) {
  if (fault.kind == AppendFault::refuse) return Refused{fault.error};
  if (fault.kind == AppendFault::unknown_written) {
    disk.put(append.partition, append.key, append.value, append.timestamp);
  }
  return Unknown{fault.error};
}

MemoryLog::MemoryLog(std::int32_t partitions) : MemoryLog(std::make_shared<MemoryStorage>(partitions)) {}

MemoryLog::MemoryLog(std::shared_ptr<MemoryStorage> storage, QueueLimits limits)
    : impl_(std::make_unique<Impl>(std::move(storage), nullptr, limits)) {}

MemoryLog::MemoryLog(std::shared_ptr<MemoryStorage> storage, const Clock& clock, QueueLimits limits)
    : impl_(std::make_unique<Impl>(std::move(storage), &clock, limits)) {}

MemoryLog::~MemoryLog() {
  impl_->queue.stop();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->released.notify_all();
  impl_->committer.join();
}

const Genesis& MemoryLog::genesis() const { return impl_->disk.genesis; }
std::int32_t MemoryLog::partitions() const { return impl_->disk.genesis.partitions; }
EventWriter& MemoryLog::commands() { return impl_->commands; }
EventWriter& MemoryLog::observations() { return impl_->observations; }

Result<Bounds> MemoryLog::bounds(std::int32_t partition) {
  if (partition < 0 || partition >= partitions()) return fail(no_partition_error(partition, partitions()));
  const std::lock_guard lock(impl_->disk.mutex);
  return Bounds{0, static_cast<std::int64_t>(impl_->disk.of(partition).size())};
}

LogCondition MemoryLog::condition() const {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->writable) return {};
  return {false, full_error().message};
}

Result<void> MemoryLog::check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) {
  const std::lock_guard lock(impl_->disk.mutex);
  const auto& records = impl_->disk.of(partition);
  for (const auto& remembered : tail) {
    if (remembered.offset < 0 || static_cast<std::size_t>(remembered.offset) >= records.size()) {
      return fail(truncated_error(remembered, partition, static_cast<std::int64_t>(records.size())));
    }
    auto checked = check_fingerprint(remembered, records[static_cast<std::size_t>(remembered.offset)]);
    if (!checked) return checked;
  }
  return {};
}

void MemoryLog::fail_next(AppendFault fault, std::size_t count, Error error) {
  if (error.message.empty()) {
    error = fault == AppendFault::refuse ? Error{ErrorCode::unavailable, "the log refused it", "", true}
                                         : Error{ErrorCode::unavailable, "the log did not answer", "", true};
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->faults.insert(impl_->faults.end(), count, Impl::Fault{fault, error});
}

void MemoryLog::hold() {
  const std::lock_guard lock(impl_->mutex);
  impl_->held = true;
}

void MemoryLog::release() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->held = false;
  }
  impl_->released.notify_all();
}

void MemoryLog::set_writable(bool writable) {
  const std::lock_guard lock(impl_->mutex);
  impl_->writable = writable;
}

Position MemoryLog::put(std::int32_t partition, std::string key, std::string value) {
  return impl_->disk.put(partition, std::move(key), std::move(value), impl_->clock.wall_us());
}

void MemoryLog::damage(Position position) {
  const std::lock_guard lock(impl_->disk.mutex);
  impl_->disk.damaged.insert(position);
}

void MemoryLog::truncate(std::int32_t partition, std::int64_t end) {
  const std::lock_guard lock(impl_->disk.mutex);
  auto& records = impl_->disk.of(partition);
  assert(end >= 0 && static_cast<std::size_t>(end) <= records.size());
  records.resize(static_cast<std::size_t>(end));
}

std::vector<LogRecord> MemoryLog::records(std::int32_t partition) const {
  const std::lock_guard lock(impl_->disk.mutex);
  return impl_->disk.of(partition);
}

Result<std::vector<LogRecord>> MemoryLog::read(Position from, std::size_t max_records, std::size_t max_bytes) const {
  const std::lock_guard lock(impl_->disk.mutex);
  const auto& records = impl_->disk.of(from.partition);
  std::vector<LogRecord> found;
  std::size_t bytes = 0;
  for (auto at = static_cast<std::size_t>(from.offset); at < records.size() && found.size() < max_records; ++at) {
    const auto& record = records[at];
    if (impl_->disk.damaged.contains(record.position)) {
      if (!found.empty()) break;
      return fail(ErrorCode::data_loss,
                  fmt::format("record {} of the log is damaged", schemas::to_string(record.position)));
    }
    bytes += record.key.size() + record.value.size();
    if (!found.empty() && bytes > max_bytes) break;
    found.push_back(record);
  }
  return found;
}

void MemoryLog::wait_for(std::int32_t partition, std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                         const std::atomic<bool>& woken) const {
  auto& disk = impl_->disk;
  std::unique_lock lock(disk.mutex);
  disk.changed.wait_until(
      lock, deadline, [&] { return woken.load() || static_cast<std::int64_t>(disk.of(partition).size()) > offset; });
}

void MemoryLog::wake_readers() {
  // Under the mutex, so that no waiter is between its look and its sleep.
  const std::lock_guard lock(impl_->disk.mutex);
  impl_->disk.changed.notify_all();
}

}  // namespace solo::producers
