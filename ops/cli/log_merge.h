// Several partitions' records as one stream: each partition in its order, and between them the one with the earliest
// timestamp first. Nothing is ordered across partitions; that is the order in which people look for things.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "ops/cli/log_access.h"
#include "ops/cli/log_range.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::ops {

class LogMerge {
 public:
  /// The source must outlive it.
  explicit LogMerge(LogSource& source) : source_(source) {}

  void add(std::int32_t partition, OffsetRange range) { lanes_.push_back({partition, range, {}}); }

  /// How many partitions.
  std::size_t count() const { return lanes_.size(); }

  /// Every range goes on to where its partition ends now.
  schemas::Result<void> extend();

  /// Nothing: that was all. After an error: at() says where.
  schemas::Result<std::optional<schemas::LogRecord>> next();

  /// After next() failed: where it can be read again, found by a few tries (a damaged block takes many records with
  /// it). Nothing: nowhere before the end of the range.
  std::optional<std::int64_t> behind_damage();

  /// The next record will be read from here. For the partition at which next() failed.
  schemas::Position at() const { return at_; }

 private:
  struct Lane {
    std::int32_t partition;
    /// What has not been read yet.
    OffsetRange range;
    /// Read, and not given out.
    std::deque<schemas::LogRecord> records;
  };

  schemas::Result<void> fill(Lane& lane);

  LogSource& source_;
  std::vector<Lane> lanes_;
  schemas::Position at_;
};

}  // namespace solo::ops
