// Where a record is in the log: (partition, offset); and how far something has come in all of it: a cut.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/result.h"

namespace solo::schemas {

/// Offsets count from 0 in each partition. Nothing is ordered across partitions. Written `PARTITION:OFFSET`.
struct Position {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

std::string to_string(Position position);
Result<Position> parse_position(std::string_view text);

/// One position per partition, partitions ascending and each at most once. Written joined by commas.
/// A cut names the last record that is included.
struct Cut {
  std::vector<Position> positions;
  bool operator==(const Cut&) const = default;
};

std::string to_string(const Cut& cut);
/// The empty text is the empty cut.
Result<Cut> parse_cut(std::string_view text);

/// One record as it stands in the log.
struct LogRecord {
  Position position;
  /// Microseconds since 1970 UTC, set by who wrote it. Information only.
  std::int64_t timestamp = 0;
  std::string key;
  std::string value;
};

}  // namespace solo::schemas
