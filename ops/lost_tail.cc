#include "ops/lost_tail.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "schemas/schemas.h"

namespace solo::ops {
namespace {

using producers::RecordFingerprint;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// Where a partition has lost its first record, and what was seen there.
struct Loss {
  std::int64_t from = 0;
  std::string what;
};

/// The first of the records that is not where it was.
Result<std::optional<Loss>> first_missing(producers::EventLog& log, const KnownPartition& known, std::int64_t end) {
  std::vector<RecordFingerprint> there;
  for (const auto& mark : known.tail) {
    if (mark.offset < end) there.push_back(mark);
  }
  auto checked = log.check_tail(known.partition, there);
  if (checked) return std::optional<Loss>();
  if (checked.error().code != ErrorCode::failed_precondition) return fail(checked.error());
  for (const auto& mark : there) {
    checked = log.check_tail(known.partition, {mark});
    if (!checked && checked.error().code != ErrorCode::failed_precondition) return fail(checked.error());
    if (!checked) return std::optional(Loss{mark.offset, checked.error().message});
  }
  return fail(ErrorCode::unavailable, "the log's records changed while they were compared", "try again", true);
}

Result<std::optional<Loss>> find_loss(producers::EventLog& log, const KnownPartition& known) {
  const auto bounds = log.bounds(known.partition);
  if (!bounds) return fail(bounds.error());
  auto missing = first_missing(log, known, bounds->end);
  if (!missing || *missing || bounds->end >= known.next_offset) return missing;
  return std::optional(Loss{bounds->end, fmt::format("partition {} of log {} was there up to offset {}, but the "
                                                     "log ends at {}",
                                                     known.partition, known.log_uuid, known.next_offset, bounds->end)});
}

LostTail all_of(const producers::EventLog& log, const std::vector<KnownPartition>& known) {
  LostTail lost{known.front().log_uuid, log.genesis().log_uuid, {}, {}, {}};
  for (const auto& partition : known) {
    lost.from.positions.push_back({partition.partition, 0});
    lost.until.positions.push_back({partition.partition, partition.next_offset});
  }
  lost.what = fmt::format("the views are of log {} with {} partitions, and this is log {} with {}", lost.former_log,
                          known.front().partitions, lost.log, log.partitions());
  return lost;
}

}  // namespace

KnownPartition known_of(const v1::PartitionMetaT& meta) {
  KnownPartition known{meta.log_uuid,
                       static_cast<std::int32_t>(meta.partition),
                       static_cast<std::int32_t>(meta.partitions),
                       meta.next_offset,
                       {}};
  for (const auto& mark : meta.tail) known.tail.push_back({mark->offset, mark->id, mark->crc});
  return known;
}

void extend(std::vector<KnownPartition>& known, const LogEnd& end) {
  for (const auto& position : end.end.positions) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const KnownPartition& one) { return one.partition == position.partition; });
    if (found == known.end()) {
      known.push_back(
          {end.log, position.partition, static_cast<std::int32_t>(end.end.positions.size()), position.offset, {}});
    } else if (found->log_uuid == end.log) {
      found->next_offset = std::max(found->next_offset, position.offset);
    }
  }
  std::sort(known.begin(), known.end(),
            [](const auto& left, const auto& right) { return left.partition < right.partition; });
}

Result<std::optional<LostTail>> find_lost_tail(producers::EventLog& log, const std::vector<KnownPartition>& known) {
  const std::string& uuid = log.genesis().log_uuid;
  const bool foreign = std::any_of(known.begin(), known.end(), [&](const KnownPartition& one) {
    return one.log_uuid != uuid || one.partitions != log.partitions();
  });
  if (foreign) return std::optional(all_of(log, known));
  LostTail lost{uuid, uuid, {}, {}, {}};
  std::vector<std::string> words;
  for (const auto& partition : known) {
    const auto loss = find_loss(log, partition);
    if (!loss) return fail(loss.error());
    if (!*loss) continue;
    lost.from.positions.push_back({partition.partition, (*loss)->from});
    lost.until.positions.push_back({partition.partition, partition.next_offset});
    words.push_back((*loss)->what);
  }
  if (words.empty()) return std::optional<LostTail>();
  lost.what = fmt::format("{}", fmt::join(words, "; "));
  return std::optional(std::move(lost));
}

bool covers(const LostTail& accepted, const LostTail& found) {
  if (accepted.former_log != found.former_log || accepted.log != found.log) return false;
  return std::all_of(found.from.positions.begin(), found.from.positions.end(), [&](const auto& position) {
    const auto& from = accepted.from.positions;
    return std::any_of(from.begin(), from.end(), [&](const auto& given_up) {
      return given_up.partition == position.partition && given_up.offset <= position.offset;
    });
  });
}

schemas::Error lost_tail_error(const LostTail& lost, const std::filesystem::path& state) {
  const std::string from = schemas::to_string(lost.from);
  return {ErrorCode::failed_precondition, fmt::format("{}. What was applied from {} on is lost", lost.what, from),
          fmt::format("restore the log as it was; or, to go on without what is lost: "
                      "solo view rebuild --accept-lost-tail {} --state-dir {}",
                      from, state.string())};
}

}  // namespace solo::ops
