#include "producers/gateway_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "producers/gateway_replies.h"
#include "schemas/ids.h"
#include "schemas/text.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;

constexpr std::string_view kJson = "solo/1 json";
constexpr std::string_view kFlatbuffers = "solo/1 flatbuffers";
constexpr std::string_view kExpected =
    "send an empty frame (REQ does it by itself, DEALER may leave it out), a header frame `solo/1 json` or "
    "`solo/1 flatbuffers`, and a body frame";

std::optional<Encoding> parse_header(std::string_view header) {
  if (header == kFlatbuffers) return Encoding::flatbuffers;
  if (header == kJson) return Encoding::json;
  return std::nullopt;
}

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

void skip(std::string_view& rest, std::string_view characters) {
  rest.remove_prefix(std::min(rest.find_first_not_of(characters), rest.size()));
}

}  // namespace

std::string id_in(std::string_view json) {
  int depth = 0;
  while (!json.empty()) {
    const char next = json.front();
    if (next != '"') {
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') --depth;
      json.remove_prefix(1);
      continue;
    }
    const auto name = take_string(json);
    if (!name) return {};
    if (depth != 1 || *name != "id") continue;
    skip(json, kSpace);
    if (json.empty() || json.front() != ':') continue;
    json.remove_prefix(1);
    skip(json, kSpace);
    if (json.empty() || json.front() != '"') return {};
    std::string id(take_string(json).value_or(""));
    return schemas::CommandIdKind::check(id) ? id : std::string();
  }
  return {};
}

std::string_view header_of(Encoding encoding) { return encoding == Encoding::json ? kJson : kFlatbuffers; }

RequestFrames read_frames(std::span<const std::string_view> frames, std::size_t count, std::size_t max_body) {
  RequestFrames read;
  read.empty_frame = !frames.empty() && frames.front().empty();
  const std::size_t first = read.empty_frame ? 1 : 0;
  if (count != first + 2 || frames.size() < count) {
    read.body = fail(ErrorCode::invalid_argument,
                     fmt::format("a request has a header and a body frame, here were {}", count - first),
                     std::string(kExpected));
    return read;
  }
  const auto encoding = parse_header(frames[first]);
  if (!encoding) {
    read.body = fail(ErrorCode::invalid_argument, schemas::quote(frames[first]) + " is not a header this daemon knows",
                     std::string(kExpected));
    return read;
  }
  read.encoding = *encoding;
  const std::string_view body = frames[first + 1];
  if (body.size() > max_body) {
    read.body = fail(request_too_long(body.size(), max_body));
  } else {
    read.body = body;
  }
  return read;
}

}  // namespace solo::producers
