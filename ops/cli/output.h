// How `solo` shows things to people: aligned tables, readable times, nothing that could steer a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::ops {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// As many cells as the header has. Only a cell's first line is shown.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// Columns divided by two spaces; no blanks at the ends of lines.
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// `name:  value` lines, values aligned; a value of several lines is indented. Empty values are left out.
std::string facts(const std::vector<std::pair<std::string, std::string>>& lines);

/// Microseconds since 1970 UTC as 2024-05-01 12:00:00Z; 0: empty.
std::string show_time(std::int64_t microseconds);
/// 1.5 ms, 2.30 s, 3m12s, 5h02m, 4d03h.
std::string show_duration(std::int64_t microseconds);

/// Valid UTF-8 without control characters but newline and tab; those become U+FFFD.
std::string printable(std::string_view text);

}  // namespace solo::ops
