#include "ops/cli/log_merge.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace solo::ops {

using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

Result<void> LogMerge::extend() {
  for (Lane& lane : lanes_) {
    const auto bounds = source_.bounds(lane.partition);
    if (!bounds) return fail(bounds.error());
    lane.range.to = std::max(lane.range.to, bounds->end);
  }
  return {};
}

Result<void> LogMerge::fill(Lane& lane) {
  while (lane.records.empty() && lane.range.from < lane.range.to) {
    at_ = {lane.partition, lane.range.from};
    auto chunk = source_.read(lane.partition, lane.range.from, lane.range.to);
    if (!chunk) return fail(std::move(chunk).error());
    // Not to be seen yet: the next extend() comes back to it.
    if (chunk->next == lane.range.from) lane.range.to = lane.range.from;
    lane.range.from = chunk->next;
    std::move(chunk->records.begin(), chunk->records.end(), std::back_inserter(lane.records));
  }
  return {};
}

Result<std::optional<LogRecord>> LogMerge::next() {
  Lane* earliest = nullptr;
  for (Lane& lane : lanes_) {
    if (auto filled = fill(lane); !filled) return fail(std::move(filled).error());
    if (lane.records.empty()) continue;
    if (earliest == nullptr || lane.records.front().timestamp < earliest->records.front().timestamp) earliest = &lane;
  }
  if (earliest == nullptr) return std::optional<LogRecord>();
  std::optional<LogRecord> record(std::move(earliest->records.front()));
  earliest->records.pop_front();
  return record;
}

std::optional<std::int64_t> LogMerge::behind_damage() {
  const auto lane =
      std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& one) { return one.partition == at_.partition; });
  const std::int64_t end = lane->range.to;
  const auto readable = [&](std::int64_t offset) {
    return static_cast<bool>(source_.read(at_.partition, offset, offset + 1));
  };
  std::int64_t bad = at_.offset;
  std::int64_t good = bad + 1;
  for (; good < end && !readable(good); good += good - at_.offset) bad = good;
  if (good >= end) {
    good = end - 1;
    if (good <= bad || !readable(good)) return std::nullopt;
  }
  while (good - bad > 1) {
    const std::int64_t middle = bad + (good - bad) / 2;
    (readable(middle) ? good : bad) = middle;
  }
  return good;
}

}  // namespace solo::ops
