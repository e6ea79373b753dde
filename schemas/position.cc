#include "schemas/position.h"

#include <charconv>

#include "schemas/text.h"

namespace solo::schemas {
namespace {

// Decimal digits only, no sign, no leading zero: every number has one spelling.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  if (text.empty() || text.front() < '0' || text.front() > '9' || (text.size() > 1 && text.front() == '0'))
    return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string to_string(Position position) {
  return std::to_string(position.partition) + ":" + std::to_string(position.offset);
}

Result<Position> parse_position(std::string_view text) {
  Position position;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !parse_number(text.substr(0, colon), position.partition) ||
      !parse_number(text.substr(colon + 1), position.offset)) {
    return fail(ErrorCode::invalid_argument, quote(text) + " is not a position", "PARTITION:OFFSET, as in 0:41");
  }
  return position;
}

std::string to_string(const Cut& cut) {
  std::string out;
  for (const Position& position : cut.positions) {
    if (!out.empty()) out += ',';
    out += to_string(position);
  }
  return out;
}

Result<Cut> parse_cut(std::string_view text) {
  Cut cut;
  if (text.empty()) return cut;
  for (;;) {
    const std::size_t comma = text.find(',');
    auto position = parse_position(text.substr(0, comma));
    if (!position) return fail_with("cut", position.error());
    if (!cut.positions.empty() && cut.positions.back().partition >= position->partition) {
      return fail(ErrorCode::invalid_argument,
                  "cut: partition " + std::to_string(position->partition) + " is out of order",
                  "partitions ascend, each at most once");
    }
    cut.positions.push_back(*position);
    if (comma == std::string_view::npos) return cut;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace solo::schemas
