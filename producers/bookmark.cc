#include "producers/bookmark.h"

#include <fmt/format.h>

#include <charconv>

#include "schemas/text.h"

namespace solo::producers {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

std::string to_string(const Bookmark& mark) { return fmt::format("{}/{}", mark.partition, mark.from); }

Result<Bookmark> parse_bookmark(const std::string& text, std::int32_t partitions) {
  Bookmark mark;
  if (text.empty()) return mark;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, mark.partition);
  if (error != std::errc() || rest == end || *rest != '/' || mark.partition < 0 || mark.partition >= partitions) {
    return fail(ErrorCode::invalid_argument, "next " + schemas::quote(text) + " is not from a former answer",
                "send back what the last answer said in `next`, or leave it out to begin at the front");
  }
  mark.from.assign(rest + 1, end);
  return mark;
}

}  // namespace solo::producers
