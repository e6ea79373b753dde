#include "consumers/observations.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "consumers/outbox.h"
#include "producers/signals.h"
#include "schemas/cloudevents.h"
#include "schemas/codec.h"
#include "schemas/crash_point.h"
#include "schemas/partitioning.h"
#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;
using TimePoint = std::chrono::steady_clock::time_point;

struct Entry {
  std::string key;
  std::string value;
  ObservationPublisher::OnDurable durable;
  /// Of a former run: its id stays what it is, and its file goes when the last of them is durable.
  bool from_outbox = false;
  /// About the partition and this run, useless to the next one.
  bool claim = false;
};

// One partition's observations that are not durable, oldest first.
struct Queue {
  std::deque<Entry> entries;
  /// How many of them, from the front, were appended and have not ended.
  std::size_t outstanding = 0;
  /// One was not durable: nothing is appended until all outstanding ones have ended and the pause is over.
  bool broken = false;
  /// A later one got in all the same.
  bool overtaken = false;
  std::string trouble;
  std::chrono::milliseconds pause{0};
  std::optional<TimePoint> repeat_at;
};

std::string describe(const Entry& entry) {
  const auto event = schemas::decode_event(entry.value);
  if (!event) return "an event that cannot be read: " + event.error().message;
  std::string text = schemas::event_type(*event) + " of " + event->tenant;
  if (!event->service.empty()) text += "/" + event->service;
  return text + " (" + event->id + ")";
}

}  // namespace

struct ObservationPublisher::Impl : std::enable_shared_from_this<Impl> {
  Impl(producers::EventLog& log_in, producers::Clock& clock_in, PublisherOptions options_in)
      : log(log_in),
        clock(clock_in),
        options(std::move(options_in)),
        queues(static_cast<std::size_t>(log.partitions())) {}

  // All below: with the mutex held.

  std::string next_id() { return options.run + "-" + std::to_string(++sequence); }

  void enqueue(std::int32_t partition, Entry entry) {
    Queue& queue = queues[static_cast<std::size_t>(partition)];
    queue.entries.push_back(std::move(entry));
    ++pending;
    append_more(partition, queue);
  }

  // The mutex is held over the check and the append: nothing can slip in behind an append that has just failed.
  void append_more(std::int32_t partition, Queue& queue) {
    while (!queue.broken && !closed && queue.outstanding < std::min(queue.entries.size(), options.in_flight)) {
      const Entry& entry = queue.entries[queue.outstanding++];
      log.observations().append_to(partition, entry.key, entry.value,
                                   [self = shared_from_this(), partition](const producers::AppendResult& result) {
                                     self->on_end(partition, result);
                                   });
    }
  }

  void renumber(Queue& queue) {
    for (Entry& entry : queue.entries) {
      if (entry.from_outbox) continue;
      auto event = schemas::decode_event(entry.value);
      if (!event) continue;
      event->id = next_id();
      entry.value = schemas::encode(*event);
    }
  }

  void repeat(std::int32_t partition, Queue& queue) {
    queue.repeat_at.reset();
    queue.broken = false;
    if (std::exchange(queue.overtaken, false)) renumber(queue);
    append_more(partition, queue);
  }

  void on_failed(Queue& queue, const schemas::Error& error) {
    queue.broken = true;
    queue.trouble = error.message;
  }

  void on_all_ended(Queue& queue) {
    queue.pause = std::clamp(queue.pause * 2, options.first_pause, options.longest_pause);
    queue.repeat_at = std::chrono::steady_clock::now() + queue.pause;
    repeat_changed.notify_all();
  }

  void pop_durable(Queue& queue) {
    const bool was_from_outbox = queue.entries.front().from_outbox;
    queue.entries.pop_front();
    queue.pause = std::chrono::milliseconds(0);
    queue.trouble.clear();
    --pending;
    if (was_from_outbox && --outbox_left == 0 && !closed) {
      std::error_code ignored;
      std::filesystem::remove(options.outbox, ignored);
    }
    if (pending == 0) drained.notify_all();
  }

  // Takes the mutex itself; on a thread of the log, in the order of the partition's appends.
  void on_end(std::int32_t partition, const producers::AppendResult& result) {
    OnDurable tell;
    const auto* durable = std::get_if<producers::Durable>(&result);
    {
      const std::lock_guard lock(mutex);
      Queue& queue = queues[static_cast<std::size_t>(partition)];
      --queue.outstanding;
      if (durable != nullptr && !queue.broken) {
        tell = std::move(queue.entries.front().durable);
        pop_durable(queue);
      } else if (durable != nullptr) {
        queue.overtaken = true;
      } else if (const auto* refused = std::get_if<producers::Refused>(&result)) {
        if (!queue.broken) on_failed(queue, refused->error);
      } else if (!queue.broken) {
        on_failed(queue, std::get<producers::Unknown>(result).error);
      }
      if (queue.broken && queue.outstanding == 0) on_all_ended(queue);
      append_more(partition, queue);
      if (ended) tell = nullptr;
    }
    schemas::crash_point("observed");
    if (tell) tell(durable->position);
  }

  void run() {
    producers::block_signals();
    std::unique_lock lock(mutex);
    while (!ended) {
      const TimePoint now = std::chrono::steady_clock::now();
      TimePoint next = TimePoint::max();
      for (std::size_t i = 0; i < queues.size(); ++i) {
        Queue& queue = queues[i];
        if (queue.repeat_at && *queue.repeat_at <= now) repeat(static_cast<std::int32_t>(i), queue);
        if (queue.repeat_at) next = std::min(next, *queue.repeat_at);
      }
      if (next == TimePoint::max()) {
        repeat_changed.wait(lock);
      } else {
        repeat_changed.wait_until(lock, next);
      }
    }
  }

  bool wait_drained(std::unique_lock<std::mutex>& lock, TimePoint deadline) {
    return drained.wait_until(lock, deadline, [&] { return pending == 0; });
  }

  producers::EventLog& log;
  producers::Clock& clock;
  const PublisherOptions options;

  mutable std::mutex mutex;
  std::condition_variable repeat_changed;
  std::condition_variable drained;
  std::vector<Queue> queues;
  std::uint64_t sequence = 0;
  std::size_t pending = 0;
  std::size_t outbox_left = 0;
  /// Nothing is appended any more.
  bool closed = false;
  /// The publisher is being destroyed: nobody is told any more.
  bool ended = false;
  std::thread thread;
};

ObservationPublisher::ObservationPublisher(producers::EventLog& log, producers::Clock& clock, PublisherOptions options)
    : impl_(std::make_shared<Impl>(log, clock, std::move(options))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

ObservationPublisher::~ObservationPublisher() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closed = true;
    impl_->ended = true;
  }
  impl_->repeat_changed.notify_all();
  impl_->thread.join();
}

Result<std::size_t> ObservationPublisher::send_outbox() {
  auto entries = read_outbox(impl_->options.outbox, impl_->log.genesis().log_uuid);
  if (!entries) {
    const ErrorCode code = entries.error().code;
    if (code != ErrorCode::data_loss && code != ErrorCode::failed_precondition) {
      return schemas::fail(std::move(entries.error()));
    }
    std::filesystem::path aside = impl_->options.outbox;
    aside += ".damaged-" + impl_->options.run;
    std::error_code ignored;
    std::filesystem::rename(impl_->options.outbox, aside, ignored);
    entries.error().message += "; it is kept as " + aside.string();
    return schemas::fail(std::move(entries.error()));
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->outbox_left += entries->size();
  for (OutboxEntry& entry : *entries) {
    const std::int32_t partition =
        std::clamp<std::int32_t>(entry.partition, 0, static_cast<std::int32_t>(impl_->queues.size()) - 1);
    impl_->enqueue(partition, Entry{std::move(entry.key), std::move(entry.value), {}, true, false});
  }
  return entries->size();
}

void ObservationPublisher::publish(v1::EventT event, OnDurable durable) {
  const std::int32_t partition = schemas::partition_of(event.tenant, impl_->log.partitions());
  publish_to(partition, std::move(event), std::move(durable));
}

void ObservationPublisher::publish_to(std::int32_t partition, v1::EventT event, OnDurable durable) {
  schemas::crash_point("observing");
  event.source = schemas::node_source(impl_->options.node);
  event.time = impl_->clock.wall_us();
  const bool claim = event.payload.type == v1::Payload::RuntimeClaimed;
  const std::lock_guard lock(impl_->mutex);
  event.id = impl_->next_id();
  std::string key = event.tenant;
  impl_->enqueue(partition, Entry{std::move(key), schemas::encode(event), std::move(durable), false, claim});
}

const schemas::NodeName& ObservationPublisher::node() const { return impl_->options.node; }
const std::string& ObservationPublisher::run() const { return impl_->options.run; }

std::size_t ObservationPublisher::pending() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->pending;
}

bool ObservationPublisher::saturated() const { return pending() > impl_->options.high_water; }

std::string ObservationPublisher::trouble() const {
  const std::lock_guard lock(impl_->mutex);
  for (const Queue& queue : impl_->queues) {
    if (!queue.trouble.empty()) return queue.trouble;
  }
  return {};
}

bool ObservationPublisher::drain(TimePoint deadline) {
  std::unique_lock lock(impl_->mutex);
  return impl_->wait_drained(lock, deadline);
}

Result<std::vector<std::string>> ObservationPublisher::close(TimePoint deadline) {
  std::vector<OutboxEntry> left;
  std::vector<std::string> names;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->wait_drained(lock, deadline);
    impl_->closed = true;
    for (std::size_t i = 0; i < impl_->queues.size(); ++i) {
      for (const Entry& entry : impl_->queues[i].entries) {
        if (entry.claim) continue;
        left.push_back(OutboxEntry{static_cast<std::int32_t>(i), entry.key, entry.value});
        names.push_back(describe(entry));
      }
    }
  }
  if (left.empty()) return names;
  if (auto written = write_outbox(impl_->options.outbox, impl_->log.genesis().log_uuid, left); !written) {
    return schemas::fail(std::move(written.error()));
  }
  return names;
}

}  // namespace solo::consumers
