// What was appended to one Kafka writer and has not been told how it ended: per partition in order, so that appends
// end in order however they end. Belongs to whoever holds the writer's mutex.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "producers/append_queue.h"
#include "producers/event_writer.h"

namespace solo::producers {

struct KafkaAppend {
  enum class State : std::uint8_t { kept, sent, ended };

  std::int32_t partition = 0;
  std::string key;
  /// The producer reads it where it is: it stays until the append has ended.
  std::string value;
  AppendDone done;
  std::chrono::steady_clock::time_point since;
  State state = State::kept;
  std::optional<AppendResult> result;
  bool fenced = false;
};

class KafkaPending {
 public:
  /// A partition that the log has not is kept beside the others: its appends are refused, in their turn.
  explicit KafkaPending(std::int32_t partitions) : queues_(static_cast<std::size_t>(partitions) + 1) {}

  std::int32_t partitions() const { return static_cast<std::int32_t>(queues_.size()) - 1; }
  bool empty() const { return added_ == told_; }
  std::uint64_t added() const { return added_; }
  std::uint64_t told() const { return told_; }
  std::size_t waiting() const { return waiting_; }
  std::size_t waiting_bytes() const { return waiting_bytes_; }
  /// Appends that are not durable and whose `done` has not returned.
  std::uint64_t fenced() const { return fenced_; }

  KafkaAppend& add(std::int32_t partition, std::string key, std::string value, AppendDone done) {
    auto append = fresh();
    append->partition = partition;
    append->key = std::move(key);
    append->value = std::move(value);
    append->done = std::move(done);
    append->since = std::chrono::steady_clock::now();
    ++added_;
    ++kept_;
    ++waiting_;
    waiting_bytes_ += append->value.size();
    auto& queue = queue_of(partition);
    queue.push_back(std::move(append));
    return *queue.back();
  }

  void set_sent(KafkaAppend& append) {
    append.state = KafkaAppend::State::sent;
    --kept_;
  }

  void set_result(KafkaAppend& append, AppendResult result, Lane lane) {
    if (append.state == KafkaAppend::State::ended) return;
    if (append.state == KafkaAppend::State::kept) --kept_;
    append.state = KafkaAppend::State::ended;
    append.result = std::move(result);
    --waiting_;
    waiting_bytes_ -= append.value.size();
    if (lane == Lane::observations && !std::holds_alternative<Durable>(*append.result)) {
      append.fenced = true;
      ++fenced_;
    }
  }

  /// Moves what may be told, from the front of each partition: all that has ended, or only what is not durable.
  void take_ended(bool durable_too, std::vector<std::unique_ptr<KafkaAppend>>& into) {
    for (auto& queue : queues_) {
      while (!queue.empty() && queue.front()->result &&
             (durable_too || !std::holds_alternative<Durable>(*queue.front()->result))) {
        into.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
  }

  void lift_fence() { --fenced_; }
  /// They have been told how they ended, and hold nothing any more.
  void take_back(std::vector<std::unique_ptr<KafkaAppend>>& told) {
    told_ += told.size();
    for (auto& append : told) {
      if (spare_.size() < kMostSpare) spare_.push_back(std::move(append));
    }
    told.clear();
  }

  template <class Function>
  void for_each_kept(Function function) {
    if (kept_ != 0) for_each(KafkaAppend::State::kept, function);
  }
  template <class Function>
  void for_each_sent(Function function) {
    for_each(KafkaAppend::State::sent, function);
  }
  template <class Function>
  void for_each_untold_durable(Function function) {
    for_each(KafkaAppend::State::ended, [&](KafkaAppend& append) {
      if (std::holds_alternative<Durable>(*append.result)) function(append);
    });
  }

 private:
  using Queue = std::deque<std::unique_ptr<KafkaAppend>>;
  /// What one thread allocates and another frees costs both: they are used again.
  static constexpr std::size_t kMostSpare = 4096;

  std::unique_ptr<KafkaAppend> fresh() {
    if (spare_.empty()) return std::make_unique<KafkaAppend>();
    auto append = std::move(spare_.back());
    spare_.pop_back();
    return append;
  }

  Queue& queue_of(std::int32_t partition) {
    const bool there = partition >= 0 && partition < partitions();
    return queues_[there ? static_cast<std::size_t>(partition) : queues_.size() - 1];
  }

  template <class Function>
  void for_each(KafkaAppend::State state, Function function) {
    for (auto& queue : queues_) {
      for (auto& append : queue) {
        if (append->state == state) function(*append);
      }
    }
  }

  std::vector<Queue> queues_;
  std::vector<std::unique_ptr<KafkaAppend>> spare_;
  std::uint64_t added_ = 0;
  std::uint64_t told_ = 0;
  std::size_t kept_ = 0;
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t fenced_ = 0;
};

}  // namespace solo::producers
