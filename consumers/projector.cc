#include "consumers/projector.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "consumers/read_ahead.h"
#include "producers/signals.h"

namespace solo::consumers {

namespace {

using namespace std::chrono_literals;
using schemas::ErrorCode;
using schemas::LogRecord;
using schemas::Result;

// A reader returns early when there is something to read or it is woken, so this only bounds a missed wake.
constexpr auto kReadTimeout = 1s;
// Records that are still to come, from which on they are read ahead and batches are joined.
constexpr std::int64_t kFarBehind = 20'000;

struct Listener {
  std::mutex mutex;
  Projector::OnChange on_change;
};

struct Lane {
  std::int32_t partition = 0;
  std::unique_ptr<EventReader> reader;
  std::thread thread;
  /// The view may hold records that it has not stored yet.
  bool joining = false;
  // Guarded by the projector's mutex.
  bool stopped = false;
  std::string detail;
};

}  // namespace

struct Projector::Impl {
  Impl(projections::Views& views_in, OpenReader open_reader_in, OnError on_error_in, ProjectorOptions options_in)
      : views(views_in),
        open_reader(std::move(open_reader_in)),
        on_error(std::move(on_error_in)),
        options(options_in) {}

  void run(Lane& lane) {
    producers::block_signals();
    while (!stopping()) {
      if (is_far_behind(lane)) {
        if (!catch_up(lane)) return;
        continue;
      }
      auto records = lane.reader->read(options.limits, lane.joining ? 0s : kReadTimeout);
      if (!records) {
        if (!recover_reader(lane, records.error())) return;
        continue;
      }
      // Without records: stores what was joined before.
      if ((!records->empty() || lane.joining) && !apply(lane, *records)) return;
      if (records->empty()) pass_gap(lane);
    }
    if (lane.joining) apply(lane, {});
  }

  // Joins batches that are read ahead, until the end is near or something is wrong. false: the lane has ended.
  bool catch_up(Lane& lane) {
    projections::PartitionView& view = views.partition(lane.partition);
    std::optional<schemas::Error> trouble;
    std::optional<schemas::Error> unread;
    {
      ReadAhead ahead(*lane.reader, options.limits, kFarBehind,
                      [&view](const std::vector<LogRecord>& records) { return view.view_all(records); });
      while (!trouble && !stopping()) {
        auto batch = ahead.next();
        if (!batch) {
          unread = ahead.failure();
          break;
        }
        trouble = join(lane, *batch);
        ahead.give_back(*std::move(batch));
      }
    }
    if (trouble && trouble->code == ErrorCode::resource_exhausted) return read_again(lane, *trouble);
    if (trouble) return give_up(lane, *trouble);
    return !unread || recover_reader(lane, *unread);
  }

  // What came of it.
  std::optional<schemas::Error> join(Lane& lane, const ReadAhead::Batch& batch) {
    projections::PartitionView& view = views.partition(lane.partition);
    const std::int64_t before = view.next_offset();
    lane.joining = true;
    auto change = view.apply(batch.records, batch.views, projections::Batching::joined);
    if (!change) {
      if (view.next_offset() > before) announce_position(lane);
      return std::move(change.error());
    }
    clear_trouble(lane);
    if (change->next_offset > before) announce(*change);
    return std::nullopt;
  }

  // false: the lane has ended.
  bool apply(Lane& lane, std::span<const LogRecord> records) {
    projections::PartitionView& view = views.partition(lane.partition);
    do {
      const std::int64_t before = view.next_offset();
      const bool joined_before = std::exchange(lane.joining, false);
      auto change = view.apply(records);
      if (change) {
        clear_trouble(lane);
        if (change->next_offset > before) announce(*change);
        return true;
      }
      if (view.next_offset() > before) announce_position(lane);
      if (change.error().code != ErrorCode::resource_exhausted) return give_up(lane, change.error());
      if (joined_before) return read_again(lane, change.error());
      if (!pause(lane, change.error())) return false;
      const auto next = std::find_if(records.begin(), records.end(), [&](const LogRecord& record) {
        return record.position.offset >= view.next_offset();
      });
      records = records.subspan(static_cast<std::size_t>(next - records.begin()));
    } while (!records.empty());
    return true;
  }

  bool is_far_behind(const Lane& lane) const {
    return lane.reader->end_offset() - lane.reader->next_offset() >= kFarBehind;
  }

  // Joined records came to nothing, and not all of them are at hand. false: stopped.
  bool read_again(Lane& lane, const schemas::Error& error) {
    lane.joining = false;
    while (pause(lane, error)) {
      auto reader = open_reader(lane.partition, views.partition(lane.partition).next_offset());
      if (!reader) continue;
      const std::lock_guard lock(mutex);
      lane.reader = std::move(*reader);
      return true;
    }
    return false;
  }

  // Behind the last record there may be offsets without one (Kafka's transaction markers).
  void pass_gap(const Lane& lane) {
    projections::PartitionView& view = views.partition(lane.partition);
    if (lane.reader->next_offset() <= view.next_offset()) return;
    view.pass(lane.reader->next_offset());
    announce_position(lane);
  }

  // What cannot be read now but may be later is read again from where the view stands.
  bool recover_reader(Lane& lane, const schemas::Error& error) {
    if (lane.joining && !apply(lane, {})) return false;
    const bool may_pass = error.code == ErrorCode::unavailable || error.code == ErrorCode::resource_exhausted;
    if (!may_pass) return give_up(lane, error);
    if (!pause(lane, error)) return false;
    auto reader = open_reader(lane.partition, views.partition(lane.partition).next_offset());
    if (!reader) return true;
    const std::lock_guard lock(mutex);
    lane.reader = std::move(*reader);
    return true;
  }

  bool give_up(Lane& lane, const schemas::Error& error) {
    {
      const std::lock_guard lock(mutex);
      lane.stopped = true;
      lane.detail = error.message;
    }
    changed.notify_all();
    if (on_error) on_error(lane.partition, error);
    return false;
  }

  bool pause(Lane& lane, const schemas::Error& error) {
    std::unique_lock lock(mutex);
    lane.detail = error.message;
    return !stop_requested.wait_for(lock, options.retry_pause, [&] { return stop; });
  }

  void clear_trouble(Lane& lane) {
    const std::lock_guard lock(mutex);
    lane.detail.clear();
  }

  void announce(const projections::ViewChange& change) {
    std::vector<std::shared_ptr<Listener>> to_tell;
    {
      const std::lock_guard lock(mutex);
      to_tell = listeners;
    }
    changed.notify_all();
    for (const auto& listener : to_tell) {
      const std::lock_guard lock(listener->mutex);
      if (listener->on_change) listener->on_change(change);
    }
  }

  // Some of the records were applied before the error: nobody knows which services they were about.
  void announce_position(const Lane& lane) {
    projections::ViewChange change;
    change.partition = lane.partition;
    change.next_offset = views.partition(lane.partition).next_offset();
    announce(change);
  }

  bool stopping() {
    const std::lock_guard lock(mutex);
    return stop;
  }

  projections::Views& views;
  const OpenReader open_reader;
  const OnError on_error;
  const ProjectorOptions options;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable stop_requested;
  bool stop = false;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<std::unique_ptr<Lane>> lanes;
};

Projector::Projector(projections::Views& views, OpenReader open_reader, OnError on_error, ProjectorOptions options)
    : impl_(std::make_shared<Impl>(views, std::move(open_reader), std::move(on_error), options)) {}

Projector::~Projector() { stop(); }

Projector::Subscription Projector::listen(OnChange on_change) {
  auto listener = std::make_shared<Listener>();
  listener->on_change = std::move(on_change);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->listeners.push_back(listener);
  }
  const auto end = [weak = std::weak_ptr(impl_), listener](void*) {
    {
      const std::lock_guard lock(listener->mutex);
      listener->on_change = nullptr;
    }
    if (const auto impl = weak.lock()) {
      const std::lock_guard lock(impl->mutex);
      std::erase(impl->listeners, listener);
    }
  };
  return Subscription(listener.get(), end);
}

Result<void> Projector::start() {
  for (std::int32_t partition = 0; partition < impl_->views.partitions(); ++partition) {
    auto reader = impl_->open_reader(partition, impl_->views.partition(partition).next_offset());
    if (!reader) return schemas::fail(std::move(reader.error()));
    auto lane = std::make_unique<Lane>();
    lane->partition = partition;
    lane->reader = std::move(*reader);
    const std::lock_guard lock(impl_->mutex);
    impl_->lanes.push_back(std::move(lane));
  }
  for (const auto& lane : impl_->lanes) {
    lane->thread = std::thread([impl = impl_.get(), lane = lane.get()] { impl->run(*lane); });
  }
  return {};
}

void Projector::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    for (const auto& lane : impl_->lanes) lane->reader->wake();
  }
  impl_->stop_requested.notify_all();
  impl_->changed.notify_all();
  for (const auto& lane : impl_->lanes) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

Result<void> Projector::wait_for(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(impl_->mutex);
  for (;;) {
    if (impl_->views.has(cut)) return {};
    if (impl_->stop) return schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true);
    for (const schemas::Position& position : cut.positions) {
      for (const auto& lane : impl_->lanes) {
        if (lane->partition == position.partition && lane->stopped) {
          return schemas::fail(ErrorCode::unavailable,
                               "partition " + std::to_string(lane->partition) + " stands still: " + lane->detail);
        }
      }
    }
    if (impl_->changed.wait_until(lock, deadline) == std::cv_status::timeout && !impl_->views.has(cut)) {
      return schemas::fail(ErrorCode::deadline_exceeded, "the views have not come to " + schemas::to_string(cut), {},
                           true);
    }
  }
}

std::vector<PartitionStatus> Projector::status() const {
  std::vector<PartitionStatus> result;
  const std::lock_guard lock(impl_->mutex);
  for (const auto& lane : impl_->lanes) {
    result.push_back(
        {lane->partition, impl_->views.partition(lane->partition).next_offset(), lane->stopped, lane->detail});
  }
  return result;
}

}  // namespace solo::consumers
