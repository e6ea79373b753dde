#include "producers/kafka_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "producers/genesis.h"
#include "producers/kafka_topic.h"
#include "schemas/crc32c.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

/// A leader that has just been elected may tell an end that is too low: it has to say so several times.
constexpr int kBelieved = 4;
/// Of all partitions together: who has remembered records of megabytes does not wait for all of them.
constexpr std::size_t kEnoughBytes = 4 * 1024 * 1024;

constexpr const char* kWaysOn =
    "restore the topic as it was; or start solod again, which says from which position FROM on records are lost, and "
    "go "
    "on without them: solo view rebuild --accept-lost-tail FROM";

constexpr const char* kNoBeginning =
    "a log is kept from its beginning: restore the topic from a copy, or begin a new log (log.cluster) and deploy anew";

Error lost_error(std::string message) { return {ErrorCode::failed_precondition, std::move(message), kWaysOn}; }

/// Is it among the records where it was?
Result<void> compare(const RecordFingerprint& remembered, std::int32_t partition,
                     const std::vector<schemas::LogRecord>& records) {
  const auto found = std::find_if(records.begin(), records.end(), [&](const schemas::LogRecord& record) {
    return record.position.offset == remembered.offset;
  });
  schemas::LogRecord missing;
  missing.position = {partition, remembered.offset};
  return check_fingerprint(remembered, found == records.end() ? missing : *found);
}

KafkaInspector::Range one_record(std::size_t partition, std::int64_t offset) {
  return {static_cast<std::int32_t>(partition), offset, offset + 1};
}

std::size_t bytes_of(const std::vector<std::vector<schemas::LogRecord>>& ranges) {
  std::size_t bytes = 0;
  for (const auto& records : ranges) {
    for (const auto& record : records) bytes += record.key.size() + record.value.size();
  }
  return bytes;
}

}  // namespace

bool is_final(const Error& error) {
  return error.code == ErrorCode::failed_precondition || error.code == ErrorCode::data_loss;
}

Error no_topic_error(const std::string& topic, const std::string& said) {
  return {ErrorCode::unavailable, fmt::format("topic {} is gone from Kafka ({}): was it deleted?", topic, said),
          "restore the topic as it was. If it is lost: stop solod before anybody makes the topic anew, run solo topic "
          "create, and start solod again, which says how to go on without what is lost",
          true};
}

KafkaIdentity::KafkaIdentity(KafkaInspector& inspector, Genesis genesis, Timeout timeout, Beat beat)
    : inspector_(inspector), genesis_(std::move(genesis)), timeout_(timeout), beat_(std::move(beat)) {}

Result<std::vector<Bounds>> KafkaIdentity::ends(const std::vector<std::int64_t>& known) {
  beat_(fmt::format("where {} partitions end", known.size()));
  auto found = inspector_.all_bounds(static_cast<std::int32_t>(known.size()), timeout_);
  if (!found) return found;
  for (std::size_t partition = 0; partition < known.size(); ++partition) {
    const auto& bounds = (*found)[partition];
    if (bounds.first > 0) {
      // Not one of the ways on from a lost tail: views cannot be rebuilt without the log's beginning.
      return fail(ErrorCode::failed_precondition,
                  fmt::format("partition {} of topic {} begins at offset {}: its first records were deleted", partition,
                              inspector_.topic(), bounds.first),
                  kNoBeginning);
    }
    if (bounds.end >= known[partition]) continue;
    const auto words =
        fmt::format("partition {} of topic {} ended at offset {} and ends at {} now: {} records are gone", partition,
                    inspector_.topic(), known[partition], bounds.end, known[partition] - bounds.end);
    if (++went_back_ < kBelieved) return fail(ErrorCode::unavailable, words, "", true);
    return fail(lost_error(words));
  }
  went_back_ = 0;
  return found;
}

Result<void> KafkaIdentity::genesis(Depth depth) {
  const std::string what = "the genesis of the log";
  beat_(what);
  const auto found = read_kafka_beginning(
      inspector_, timeout_, depth == Depth::last ? 1 : std::numeric_limits<std::int32_t>::max(), [&] { beat_(what); });
  if (!found) return fail(found.error());
  const auto& now = found->genesis;
  if (now.log_uuid == genesis_.log_uuid && now.partitions == genesis_.partitions) return {};
  return fail(
      lost_error(fmt::format("topic {} is log {} with {} partitions now; it was log {} with {}", inspector_.topic(),
                             now.log_uuid, now.partitions, genesis_.log_uuid, genesis_.partitions)));
}

Result<KafkaIdentity::Records> KafkaIdentity::read(const std::vector<KafkaInspector::Range>& ranges,
                                                   const std::string& what, std::size_t enough_bytes) {
  beat_(what);
  return inspector_.read_each(ranges, timeout_, enough_bytes, [&] { beat_(what); });
}

// The views may not have it yet.
Result<void> KafkaIdentity::durable(const std::vector<LastDurable>& last) {
  std::vector<KafkaInspector::Range> ranges;
  for (std::size_t partition = 0; partition < last.size(); ++partition) {
    if (last[partition].offset >= 0) ranges.push_back(one_record(partition, last[partition].offset));
  }
  const auto records = read(ranges, fmt::format("the last records of {} partitions", ranges.size()));
  if (!records) return fail(records.error());
  for (std::size_t at = 0; at < ranges.size(); ++at) {
    const auto& [partition, offset, end] = ranges[at];
    const auto& found = (*records)[at];
    if (!found.empty() && schemas::crc32c(found.front().value) == last[static_cast<std::size_t>(partition)].crc) {
      continue;
    }
    return fail(lost_error(fmt::format("offset {}:{} of topic {} is not the record that was acknowledged", partition,
                                       offset, inspector_.topic())));
  }
  return {};
}

// The last ones first: they alone tell a log from one that has grown again.
Result<void> KafkaIdentity::tails(const std::vector<std::vector<RecordFingerprint>>& tails, Depth depth) {
  std::vector<KafkaInspector::Range> last;
  std::vector<KafkaInspector::Range> before;
  for (std::size_t partition = 0; partition < tails.size(); ++partition) {
    const auto& tail = tails[partition];
    if (tail.empty()) continue;
    last.push_back(one_record(partition, tail.back().offset));
    if (tail.size() > 1) {
      before.push_back({static_cast<std::int32_t>(partition), tail.front().offset, tail.back().offset});
    }
  }
  auto records = read(last, fmt::format("the last records that the views have of {} partitions", last.size()));
  if (!records) return fail(records.error());
  for (std::size_t at = 0; at < last.size(); ++at) {
    const auto partition = last[at].partition;
    const auto& tail = tails[static_cast<std::size_t>(partition)];
    if (auto same = compare(tail.back(), partition, (*records)[at]); !same) {
      return fail(lost_error(same.error().message));
    }
  }
  if (depth == Depth::last) return {};
  records = read(before, "the records before the last that the views have", kEnoughBytes);
  if (!records) return fail(records.error());
  const bool all = bytes_of(*records) < kEnoughBytes;
  for (std::size_t at = 0; at < before.size(); ++at) {
    const auto partition = before[at].partition;
    const auto& found = (*records)[at];
    std::int64_t read_to = all ? before[at].end - 1 : -1;
    if (!all && !found.empty()) read_to = found.back().position.offset;
    for (const auto& remembered : tails[static_cast<std::size_t>(partition)]) {
      if (remembered.offset > read_to) break;
      if (auto same = compare(remembered, partition, found); !same) return fail(lost_error(same.error().message));
    }
  }
  return {};
}

Result<void> check_kafka_tail(KafkaInspector& inspector, std::int32_t partition,
                              const std::vector<RecordFingerprint>& tail, std::chrono::milliseconds timeout) {
  if (tail.empty()) return {};
  const auto bounds = inspector.bounds(partition, timeout);
  if (!bounds) return fail(bounds.error());
  for (const auto& remembered : tail) {
    if (remembered.offset >= bounds->end) return fail(truncated_error(remembered, partition, bounds->end));
  }
  const auto records = inspector.read(partition, tail.front().offset, tail.back().offset + 1, timeout);
  if (!records) return fail(records.error());
  for (const auto& remembered : tail) {
    if (auto same = compare(remembered, partition, *records); !same) return same;
  }
  return {};
}

}  // namespace solo::producers
