// Reads a log through once, slowly, in the background, so that a record that was damaged long ago is known of before it
// is needed.
//
// Threads: one of its own, at the lowest input priority that is still served, which reads a bounded number of bytes per
// second. It ends by itself at the end of the range or at the first record that cannot be read; destroying this ends it
// at once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "producers/record_store.h"
#include "schemas/result.h"

namespace solo::producers {

struct ScrubPace {
  /// Read in one go.
  std::size_t chunk_bytes = 128 * 1024;
  std::size_t bytes_per_second = 16 * 1024 * 1024;
};

class LogScrub {
 public:
  using Check = std::function<schemas::Result<RecordStore::Checked>(const ReadRange&)>;
  using Ended = std::function<void(const schemas::Result<void>&)>;

  /// Checks records [0, end). `ended` is told once, on its thread, unless it was ended before: data_loss or internal
  /// names the first record that cannot be read.
  LogScrub(std::int64_t end, ScrubPace pace, Check check, Ended ended);
  ~LogScrub();
  LogScrub(const LogScrub&) = delete;
  LogScrub& operator=(const LogScrub&) = delete;

 private:
  void run();
  /// false: it is to end.
  bool rest(std::chrono::nanoseconds time);

  const std::int64_t end_;
  const ScrubPace pace_;
  const Check check_;
  const Ended ended_;
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace solo::producers
