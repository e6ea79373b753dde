#include "schemas/json_scan.h"

#include <algorithm>
#include <optional>

namespace solo::schemas {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// What stands between the quotes at the front of `rest`, which goes on behind them. Nothing: they are not closed.
std::optional<std::string_view> take_string(std::string_view& rest) {
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      const std::string_view text = rest.substr(1, i - 1);
      rest.remove_prefix(i + 1);
      return text;
    }
  }
  return std::nullopt;
}

void skip_space(std::string_view& rest) { rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size())); }

}  // namespace

std::string_view outer_text(std::string_view json, std::string_view name) {
  int depth = 0;
  while (!json.empty()) {
    const char next = json.front();
    if (next != '"') {
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') --depth;
      json.remove_prefix(1);
      continue;
    }
    const auto text = take_string(json);
    if (!text) return {};
    if (depth != 1 || *text != name) continue;
    skip_space(json);
    if (json.empty() || json.front() != ':') continue;
    json.remove_prefix(1);
    skip_space(json);
    if (json.empty() || json.front() != '"') return {};
    return take_string(json).value_or(std::string_view());
  }
  return {};
}

}  // namespace solo::schemas
