// How the log commands get at the log: an embedded one from its files, with the daemon running or not; one in Kafka
// from the broker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "ops/cli/kafka_access.h"
#include "ops/cli/session.h"
#include "producers/event_log.h"
#include "producers/log_inspection.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::ops {

/// Some records of a partition in order, and where to go on.
struct LogChunk {
  std::vector<schemas::LogRecord> records;
  std::int64_t next = 0;
};

/// A log to be read. Threads: one.
class LogSource {
 public:
  virtual ~LogSource() = default;

  /// `embedded`, `kafka`.
  virtual std::string_view kind() const = 0;
  virtual std::int32_t partitions() const = 0;
  virtual schemas::Result<producers::Genesis> genesis() = 0;
  /// Is a daemon running on it? Nothing: it cannot be seen from here.
  virtual std::optional<bool> live() const = 0;

  virtual schemas::Result<producers::Bounds> bounds(std::int32_t partition) = 0;
  /// From `from` on and before `end`, which is not behind the partition's end. `next` is `from`: ask again.
  virtual schemas::Result<LogChunk> read(std::int32_t partition, std::int64_t from, std::int64_t end) = 0;
  /// The first offset whose record is not older than `time_us`; the end if there is none.
  virtual schemas::Result<std::int64_t> offset_at(std::int32_t partition, std::int64_t time_us) = 0;
};

/// The embedded log in the session's state directory. A daemon that is starting or stopping at this moment is waited
/// for.
schemas::Result<std::unique_ptr<producers::LogInspector>> open_log(const Session& session);

/// The log in Kafka if a broker is named, else the one in the state directory; --state-dir beats the variable, and with
/// --kafka it is invalid_argument.
schemas::Result<std::unique_ptr<LogSource>> open_log_source(const Session& session, const KafkaAccess& kafka);

}  // namespace solo::ops
