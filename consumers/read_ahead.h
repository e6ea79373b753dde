// While far behind the log's end: the next records are read and viewed (projections/record_view.h) on a thread of its
// own, bounded, while those before them are applied. Where no thread can be had, next() reads.
//
// Threads: belongs to one. The reader belongs to this until it is gone.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "consumers/event_reader.h"
#include "projections/record_view.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::consumers {

class ReadAhead {
 public:
  struct Batch {
    std::vector<schemas::LogRecord> records;
    std::vector<projections::RecordView> views;
  };
  using ViewAll = std::function<std::vector<projections::RecordView>(const std::vector<schemas::LogRecord>&)>;

  /// Goes on while the reader is that many records or more behind the end.
  ReadAhead(EventReader& reader, ReadLimits limits, std::int64_t far_behind, ViewAll view_all);
  /// Reads no further, and forgets what nobody has taken.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// Waits for it. Nothing: that was all, for whatever reason; the reader stands behind the last one.
  std::optional<Batch> next();
  /// Its memory is the next ones'.
  void give_back(Batch batch);
  /// Why it ended early; to be asked after next() has returned nothing.
  const std::optional<schemas::Error>& failure() const { return failure_; }

 private:
  void run();
  bool read_one();

  EventReader& reader_;
  const ReadLimits limits_;
  const std::int64_t far_behind_;
  const ViewAll view_all_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::vector<Batch> spent_;
  bool ended_ = false;
  bool stopping_ = false;
  std::optional<schemas::Error> failure_;
  std::thread thread_;
};

}  // namespace solo::consumers
