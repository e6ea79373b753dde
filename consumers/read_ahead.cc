#include "consumers/read_ahead.h"

#include <chrono>
#include <utility>

#include "consumers/start_thread.h"
#include "producers/signals.h"

namespace solo::consumers {
namespace {

/// So many batches wait at most.
constexpr std::size_t kMostReady = 8;
/// A reader returns early when there is something to read or it is woken, so this only bounds a missed wake.
constexpr std::chrono::seconds kReadTimeout{1};

}  // namespace

ReadAhead::ReadAhead(EventReader& reader, ReadLimits limits, std::int64_t far_behind, ViewAll view_all)
    : reader_(reader), limits_(limits), far_behind_(far_behind), view_all_(std::move(view_all)) {
  if (auto thread = start_thread([this] { run(); })) thread_ = *std::move(thread);
}

ReadAhead::~ReadAhead() {
  bool reading = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    reading = !ended_;
  }
  changed_.notify_all();
  if (reading) reader_.wake();
  if (thread_.joinable()) thread_.join();
}

std::optional<ReadAhead::Batch> ReadAhead::next() {
  // No thread could be had: here, then.
  if (!thread_.joinable() && !ended_ && ready_.empty()) ended_ = !read_one();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !ready_.empty() || ended_; });
  if (ready_.empty()) return std::nullopt;
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void ReadAhead::give_back(Batch batch) {
  // They refer to the records.
  batch.views.clear();
  const std::lock_guard lock(mutex_);
  spent_.push_back(std::move(batch));
}

void ReadAhead::run() {
  producers::block_signals();
  while (read_one()) {
  }
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

// false: that was the last one.
bool ReadAhead::read_one() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ready_.size() < kMostReady || stopping_; });
    if (stopping_) return false;
    for (Batch& batch : spent_) reader_.reuse(std::move(batch.records));
    spent_.clear();
  }
  auto records = reader_.read(limits_, kReadTimeout);
  if (!records) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(records.error());
    return false;
  }
  if (records->empty()) return false;
  Batch batch;
  batch.records = *std::move(records);
  batch.views = view_all_(batch.records);
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(batch));
  }
  changed_.notify_all();
  return reader_.end_offset() - reader_.next_offset() >= far_behind_;
}

}  // namespace solo::consumers
