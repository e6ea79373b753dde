// Offset 0 of every partition: the event that names the log. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "producers/event_log.h"
#include "schemas/result.h"

namespace solo::producers {

/// The newest log format this build reads and writes.
inline constexpr std::uint32_t kLogFormat = 1;

/// The key of the records about the log itself.
inline constexpr std::string_view kGenesisKey = "system";

/// The Event buffer of `partition`'s first record.
std::string encode_genesis(const Genesis& genesis, std::int32_t partition, std::int64_t time_us);

/// failed_precondition: not a Solo log, or one of a newer format.
schemas::Result<Genesis> decode_genesis(std::string_view value);

/// Is `record` the one that was remembered? (EventLog::check_tail)
schemas::Result<void> check_fingerprint(const RecordFingerprint& remembered, const schemas::LogRecord& record);

/// For a remembered record beyond the log's end.
schemas::Error truncated_error(const RecordFingerprint& remembered, std::int32_t partition, std::int64_t end);

}  // namespace solo::producers
