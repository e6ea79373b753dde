#include "ops/cli/log_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::int64_t kSecond = 1'000'000;

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return number;
}

/// `90s`, `5m`, `2h`, `1d` in microseconds.
std::optional<std::int64_t> ago(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto number = whole_number(text.substr(0, text.size() - 1));
  if (!number || *number > 1'000'000'000) return std::nullopt;
  switch (text.back()) {
    case 's':
      return *number * kSecond;
    case 'm':
      return *number * 60 * kSecond;
    case 'h':
      return *number * 3600 * kSecond;
    case 'd':
      return *number * 86'400 * kSecond;
    default:
      return std::nullopt;
  }
}

/// 2024-05-01, 2024-05-01T12:00, 2024-05-01T12:00:00, with or without Z; UTC.
std::optional<std::int64_t> calendar(std::string text) {
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return static_cast<std::int64_t>(timegm(&parts)) * kSecond;
  }
  return std::nullopt;
}

std::optional<std::int64_t> time_of(std::string_view text, std::int64_t now_us) {
  if (text.empty()) return std::nullopt;
  if (text.front() == '-') {
    const auto before = ago(text.substr(1));
    return before ? std::optional(now_us - *before) : std::nullopt;
  }
  if (const auto number = whole_number(text)) {
    // Eleven digits of seconds are the year 5138: longer ones are milliseconds.
    return text.size() <= 11 ? *number * kSecond : (*number <= INT64_MAX / 1000 ? *number * 1000 : INT64_MAX);
  }
  return calendar(std::string(text));
}

Result<LogPlace> parse_place(std::string_view text, std::int64_t now_us) {
  using Kind = LogPlace::Kind;
  const auto refuse = [&] {
    return fail(ErrorCode::invalid_argument, fmt::format("\"{}\" is no place in a log", text),
                "write start, end, N, -N, +N or @TIME; solo log read --help tells more");
  };
  if (text.empty()) return refuse();
  if (text == "start") return LogPlace{Kind::start, 0};
  if (text == "end") return LogPlace{Kind::end, 0};
  if (text.front() == '@') {
    const auto time = time_of(text.substr(1), now_us);
    return time ? Result<LogPlace>(LogPlace{Kind::time, *time}) : refuse();
  }
  const bool sign = text.front() == '-' || text.front() == '+';
  const auto number = whole_number(sign ? text.substr(1) : text);
  if (!number || (sign && text.size() == 1)) return refuse();
  return LogPlace{!sign ? Kind::offset : (text.front() == '-' ? Kind::before_end : Kind::plus), *number};
}

/// Where the colon between A and B is: times hold colons too. Every cut is tried, and only one reads well.
std::optional<Result<LogRange>> split(std::string_view text, std::size_t colon, std::int64_t now_us) {
  LogRange range;
  if (colon > 0) {
    auto from = parse_place(text.substr(0, colon), now_us);
    if (!from) return std::nullopt;
    range.from = *from;
  }
  if (colon + 1 < text.size()) {
    auto to = parse_place(text.substr(colon + 1), now_us);
    if (!to) return std::nullopt;
    range.to = *to;
  }
  return range;
}

/// The offset that a place names by its number; 0 for others.
std::int64_t first_asked_for(const LogPlace& place, std::int64_t first) {
  if (place.kind == LogPlace::Kind::offset) return place.value;
  if (place.kind != LogPlace::Kind::plus) return 0;
  return place.value > INT64_MAX - first ? INT64_MAX : first + place.value;
}

}  // namespace

Result<LogRange> parse_log_range(std::string_view text, std::int64_t now_us) {
  auto alone = parse_place(text, now_us);
  if (alone) return LogRange{*alone, {LogPlace::Kind::end, 0}};
  if (text.size() < 2) return fail(alone.error());
  for (auto colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':', colon + 1)) {
    if (auto range = split(text, colon, now_us)) return *range;
  }
  return fail(alone.error());
}

Result<OffsetRange> resolve(const LogRange& range, std::int64_t first, std::int64_t end,
                            const std::function<Result<std::int64_t>(std::int64_t time)>& at_time) {
  const auto place = [&](const LogPlace& wanted, std::int64_t base) -> Result<std::int64_t> {
    switch (wanted.kind) {
      case LogPlace::Kind::start:
        return first;
      case LogPlace::Kind::end:
        return end;
      case LogPlace::Kind::offset:
        return std::clamp(wanted.value, first, end);
      case LogPlace::Kind::before_end:
        return std::max(first, end - std::min(wanted.value, end));
      case LogPlace::Kind::plus:
        return base + std::min(wanted.value, end - base);
      case LogPlace::Kind::time:
        return at_time(wanted.value);
    }
    return first;
  };
  if (const auto begin = first_asked_for(range.from, first); begin > end) {
    return fail(ErrorCode::not_found, fmt::format("the log has no record {}: its next one will be {}", begin, end),
                "solo log bounds tells what there is");
  }
  const auto from = place(range.from, first);
  if (!from) return fail(from.error());
  const auto to = place(range.to, *from);
  if (!to) return fail(to.error());
  if (*to < *from) {
    return fail(ErrorCode::invalid_argument, fmt::format("the range ends at {}, before it begins at {}", *to, *from),
                "A:B is from A up to B, without B");
  }
  return OffsetRange{*from, *to};
}

}  // namespace solo::ops
