#include "producers/append_queue.h"

#include <fmt/format.h>

#include <utility>

#include "schemas/codec.h"

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;

std::size_t size_of(const PendingAppend& append) { return append.key.size() + append.value.size(); }

}  // namespace

Error no_partition_error(std::int32_t partition, std::int32_t partitions) {
  return {ErrorCode::invalid_argument, fmt::format("no partition {}: the log has {}", partition, partitions)};
}

AppendQueue::AppendQueue(QueueLimits limits, std::int32_t partitions, const Clock& clock)
    : limits_(limits), partitions_(partitions), clock_(clock) {}

std::optional<Error> AppendQueue::admit(Lane lane, const PendingAppend& append) const {
  if (refuse_all_) return refuse_all_;
  if (append.partition < 0 || append.partition >= partitions_) return no_partition_error(append.partition, partitions_);
  if (append.value.size() > schemas::kMaxEventBytes) {
    return Error{ErrorCode::invalid_argument, fmt::format("an event of {} bytes: at most {} fit into the log",
                                                          append.value.size(), schemas::kMaxEventBytes)};
  }
  if (lane == Lane::observations && state(lane).fenced > 0) {
    return Error{ErrorCode::unavailable, "an earlier observation was not written", "", true};
  }
  if (waiting_records_ >= limits_.max_records || waiting_bytes_ + size_of(append) > limits_.max_bytes) {
    return Error{ErrorCode::resource_exhausted,
                 fmt::format("{} records ({} bytes) are waiting to be written to the log already", waiting_records_,
                             waiting_bytes_),
                 "try again in a moment", true};
  }
  return std::nullopt;
}

void AppendQueue::mark_fenced(PendingAppend& append) {
  if (append.fenced) return;
  append.fenced = true;
  ++state(append.lane).fenced;
}

void AppendQueue::push(Lane lane, std::int32_t partition, std::string key, std::string value, AppendDone done) {
  PendingAppend append;
  append.lane = lane;
  append.partition = partition;
  append.timestamp = clock_.wall_us();
  append.key = std::move(key);
  append.value = std::move(value);
  append.done = std::move(done);
  {
    std::unique_lock lock(mutex_);
    if (stopped_) {
      lock.unlock();
      if (append.done) append.done(Refused{Error{ErrorCode::unavailable, "the log is closed"}});
      return;
    }
    append.refused = admit(lane, append);
    if (append.refused) {
      // Only `done` is still needed: what waits to be refused takes no room that counts.
      append.key.clear();
      append.value = std::string();
      mark_fenced(append);
    } else {
      ++waiting_records_;
      waiting_bytes_ += size_of(append);
    }
    ++state(lane).pushed;
    waiting_.push_back(std::move(append));
  }
  arrived_.notify_one();
}

bool AppendQueue::drain(Lane lane, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const auto target = state(lane).pushed;
  ++drainers_;
  const bool drained = ended_.wait_until(lock, deadline, [&] { return state(lane).ended >= target; });
  --drainers_;
  return drained;
}

void AppendQueue::refuse_all(Error error) {
  const std::lock_guard lock(mutex_);
  refuse_all_ = std::move(error);
}

void AppendQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  arrived_.notify_all();
}

std::vector<PendingAppend> AppendQueue::take(std::size_t max_bytes) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return stopped_ || !waiting_.empty(); });
  std::vector<PendingAppend> taken;
  std::size_t bytes = 0;
  while (!waiting_.empty()) {
    auto& next = waiting_.front();
    if (!taken.empty() && bytes + size_of(next) > max_bytes) break;
    bytes += size_of(next);
    if (!next.refused) {
      --waiting_records_;
      waiting_bytes_ -= size_of(next);
    }
    taken.push_back(std::move(next));
    waiting_.pop_front();
  }
  return taken;
}

void AppendQueue::fence(std::span<PendingAppend> failed) {
  const std::lock_guard lock(mutex_);
  bool observation_failed = false;
  for (auto& append : failed) {
    mark_fenced(append);
    observation_failed = observation_failed || append.lane == Lane::observations;
  }
  if (!observation_failed) return;
  for (auto& behind : waiting_) {
    if (behind.lane != Lane::observations || behind.refused) continue;
    --waiting_records_;
    waiting_bytes_ -= size_of(behind);
    behind.key.clear();
    behind.value = std::string();
    behind.refused = Error{ErrorCode::unavailable, "an earlier observation was not written", "", true};
    mark_fenced(behind);
  }
}

void AppendQueue::end(PendingAppend& append, AppendResult result) {
  if (append.done) append.done(std::move(result));
  append.done = nullptr;
  const std::lock_guard lock(mutex_);
  auto& lane = state(append.lane);
  if (append.fenced) --lane.fenced;
  ++lane.ended;
  if (drainers_ > 0) ended_.notify_all();
}

}  // namespace solo::producers
