#include "ops/cli/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/cloudevents.h"
#include "schemas/codec.h"

namespace solo::ops {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Code points: what a terminal shows in one column, for the names and words that stand in tables.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string first_line(const std::string& text) { return printable(text.substr(0, text.find('\n'))); }

}  // namespace

std::string Table::str() const {
  std::vector<std::vector<std::string>> shown;
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    auto& cells = shown.emplace_back();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      cells.push_back(first_line(row.at(i)));
      widths[i] = std::max(widths[i], width_of(cells.back()));
    }
  }
  std::string out;
  for (const auto& row : shown) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string facts(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::size_t width = 0;
  for (const auto& [name, value] : lines) {
    if (!value.empty()) width = std::max(width, name.size());
  }
  std::string out;
  for (const auto& [name, value] : lines) {
    if (value.empty()) continue;
    std::string text = printable(value);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const std::string indent(width + 3, ' ');
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) text.insert(at + 1, indent);
    out += fmt::format("{}:{}{}\n", name, std::string(width - name.size() + 2, ' '), text);
  }
  return out;
}

std::string show_time(std::int64_t microseconds) {
  if (microseconds == 0) return "";
  std::string text = schemas::to_rfc3339(microseconds);
  text[10] = ' ';
  return text.substr(0, 19) + 'Z';
}

std::string show_duration(std::int64_t microseconds) {
  const std::int64_t seconds = microseconds / 1'000'000;
  if (microseconds < 1'000'000) return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1e3);
  if (seconds < 60) return fmt::format("{:.2f} s", static_cast<double>(microseconds) / 1e6);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds / 3600 % 24);
}

std::string printable(std::string_view text) {
  const std::string valid = schemas::to_utf8(text);
  std::string out;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    // U+0080 to U+009F: control characters of their own.
    const bool c1 = byte == 0xC2 && i + 1 < valid.size() && static_cast<unsigned char>(valid[i + 1]) < 0xA0;
    if (control || c1) {
      out += kReplacement;
      if (c1) ++i;
    } else {
      out += valid[i];
    }
  }
  return out;
}

}  // namespace solo::ops
