// A log that lacks what was in it before: what solod says of it and what `solo view rebuild` does about it, and
// the two files that carry it from one to the other.
//
//   STATE/lost-tail       what solod refused to go on without; gone with the next start that misses nothing
//   STATE/views/log-end   where the log in Kafka was last seen to end, of which the views may have flushed less
//   STATE/views/rebuild   in views that are being rebuilt: what the former ones knew, so that a rebuild hides no loss,
//   and
//                         what an operator gave up; gone once they are rebuilt
//
// All are JSON, written as a whole and synced. Functions on files want STATE/lock held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "producers/event_log.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::v1 {
struct PartitionMetaT;
}

namespace solo::ops {

/// What views know of one partition of their log.
struct KnownPartition {
  std::string log_uuid;
  std::int32_t partition = 0;
  /// Of the whole log.
  std::int32_t partitions = 1;
  /// Everything before it was applied.
  std::int64_t next_offset = 0;
  /// The last records of it, ascending.
  std::vector<producers::RecordFingerprint> tail;
};

struct LostTail {
  /// The log whose records were applied, and the one that was found in its place: the same, if it was only cut.
  std::string former_log;
  std::string log;
  /// The first lost record of each partition that lost any.
  schemas::Cut from;
  /// Where those partitions had ended.
  schemas::Cut until;
  /// In words.
  std::string what;
};

struct Rebuild {
  std::vector<KnownPartition> known;
  std::optional<LostTail> accepted;
};

struct LogEnd {
  std::string log;
  /// Of all its partitions, whatever they have, each as the offset behind its last record.
  schemas::Cut end;
};

KnownPartition known_of(const v1::PartitionMetaT& meta);

/// With where the log had ended, if it is the same one.
void extend(std::vector<KnownPartition>& known, const LogEnd& end);

/// Nothing: the log has all that was known. Asks the log (EventLog::check_tail); its errors other than
/// failed_precondition are returned.
schemas::Result<std::optional<LostTail>> find_lost_tail(producers::EventLog& log,
                                                        const std::vector<KnownPartition>& known);

/// Does `accepted` cover all of `found`?
bool covers(const LostTail& accepted, const LostTail& found);

/// failed_precondition, with what is lost and the ways on.
schemas::Error lost_tail_error(const LostTail& lost, const std::filesystem::path& state);

// not_found: there is no such file. data_loss: it cannot be read.

schemas::Result<LostTail> read_lost_tail(const std::filesystem::path& state);
schemas::Result<void> write_lost_tail(const std::filesystem::path& state, const LostTail& lost);
void remove_lost_tail(const std::filesystem::path& state);

schemas::Result<LogEnd> read_log_end(const std::filesystem::path& views);
schemas::Result<void> write_log_end(const std::filesystem::path& views, const LogEnd& end);

bool is_rebuilding(const std::filesystem::path& views);
schemas::Result<Rebuild> read_rebuild(const std::filesystem::path& views);
schemas::Result<void> write_rebuild(const std::filesystem::path& views, const Rebuild& rebuild);
void remove_rebuild(const std::filesystem::path& views);

}  // namespace solo::ops
