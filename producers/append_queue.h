// The bounded queue between those who append and the one thread that commits, shared by the logs that live in this
// process (embedded, in memory).
//
// It settles what must be settled in one place: appends end in the order they came, each exactly once; a full queue
// refuses; and an observation that has not become durable takes those behind it along (event_log.h).
//
// Threads: push() and drain() from any; take(), fence() and end() belong to the committing thread.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "producers/clock.h"
#include "producers/event_writer.h"
#include "schemas/result.h"

namespace solo::producers {

/// Which of a log's two writers an append came through.
enum class Lane : std::uint8_t { commands, observations };

struct PendingAppend {
  Lane lane = Lane::commands;
  std::int32_t partition = 0;
  std::int64_t timestamp = 0;
  std::string key;
  std::string value;
  AppendDone done;
  /// Decided on arrival: it only waits for its turn to be told.
  std::optional<schemas::Error> refused;
  /// Counted in its lane's fence.
  bool fenced = false;
};

struct QueueLimits {
  std::size_t max_records = 20'000;
  std::size_t max_bytes = 64 * 1024 * 1024;
};

/// invalid_argument.
schemas::Error no_partition_error(std::int32_t partition, std::int32_t partitions);

class AppendQueue {
 public:
  AppendQueue(QueueLimits limits, std::int32_t partitions, const Clock& clock);

  /// After stop(): refused at once, on the caller's thread.
  void push(Lane lane, std::int32_t partition, std::string key, std::string value, AppendDone done);

  std::int32_t partitions() const { return partitions_; }

  /// Waits until everything pushed to this lane before has ended. false: the deadline passed first.
  bool drain(Lane lane, std::chrono::steady_clock::time_point deadline);

  /// From now on every push is refused so.
  void refuse_all(schemas::Error error);
  /// take() returns what is left, then nothing.
  void stop();

  /// Waits for appends and takes the oldest, up to `max_bytes` of keys and values but at least one. Empty: stopped.
  std::vector<PendingAppend> take(std::size_t max_bytes);

  /// To be called with appends that are about to end without being durable, before the first of them ends.
  void fence(std::span<PendingAppend> failed);

  /// Tells the appender. Appends are ended in the order they were taken.
  void end(PendingAppend& append, AppendResult result);

 private:
  struct LaneState {
    std::uint64_t pushed = 0;
    std::uint64_t ended = 0;
    /// Appends that will not be durable and whose `done` has not returned.
    std::uint64_t fenced = 0;
  };

  std::optional<schemas::Error> admit(Lane lane, const PendingAppend& append) const;
  void mark_fenced(PendingAppend& append);
  LaneState& state(Lane lane) { return lanes_[static_cast<std::size_t>(lane)]; }
  const LaneState& state(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)]; }

  const QueueLimits limits_;
  const std::int32_t partitions_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable ended_;
  std::deque<PendingAppend> waiting_;
  std::size_t waiting_records_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::array<LaneState, 2> lanes_;
  std::size_t drainers_ = 0;
  std::optional<schemas::Error> refuse_all_;
  bool stopped_ = false;
};

/// One lane as an EventWriter.
class QueueWriter final : public EventWriter {
 public:
  QueueWriter(AppendQueue& queue, Lane lane) : queue_(queue), lane_(lane) {}

  void append_to(std::int32_t partition, std::string key, std::string value, AppendDone done) override {
    queue_.push(lane_, partition, std::move(key), std::move(value), std::move(done));
  }
  std::int32_t partitions() const override { return queue_.partitions(); }
  bool drain(std::chrono::steady_clock::time_point deadline) override { return queue_.drain(lane_, deadline); }

 private:
  AppendQueue& queue_;
  const Lane lane_;
};

}  // namespace solo::producers
