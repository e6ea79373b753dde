// Which records of a log: A, A:B, :B, where A and B are places. B itself is not included.
//
//   start, end       the first record; behind the last one
//   N                offset N
//   -N               N records before the end
//   +N               in A: N records behind the start; in B: N records behind A
//   @TIME            the first record not older than TIME: 2024-05-01, 2024-05-01T12:00:00Z, seconds or milliseconds
//                    since 1970, or -90s, -5m, -2h, -1d for a time ago
//
// As rpk has it (Redpanda's `rpk topic consume --offset`).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::ops {

struct LogPlace {
  enum class Kind { start, end, offset, before_end, plus, time } kind = Kind::start;
  /// offset, before_end, plus: the number. time: microseconds since 1970 UTC.
  std::int64_t value = 0;
  bool operator==(const LogPlace&) const = default;
};

struct LogRange {
  LogPlace from{LogPlace::Kind::start, 0};
  LogPlace to{LogPlace::Kind::end, 0};
};

/// `now_us` is what times ago are counted from. invalid_argument names the part that cannot be read.
schemas::Result<LogRange> parse_log_range(std::string_view text, std::int64_t now_us);

struct OffsetRange {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// The offsets of `range` in a log that holds [first, end). What is asked for behind its last record is left out; not
/// found, if the range begins there (at `end` itself it is empty). invalid_argument: it ends before it begins.
/// `at_time` finds the first offset whose record is not older than a time; `end` if there is none.
schemas::Result<OffsetRange> resolve(const LogRange& range, std::int64_t first, std::int64_t end,
                                     const std::function<schemas::Result<std::int64_t>(std::int64_t time)>& at_time);

}  // namespace solo::ops
