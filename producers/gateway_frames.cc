#include "producers/gateway_frames.h"

#include <fmt/format.h>

#include <optional>

#include "producers/gateway_replies.h"
#include "schemas/ids.h"
#include "schemas/json_scan.h"
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

}  // namespace

std::string id_in(std::string_view json) {
  std::string id(schemas::outer_text(json, "id"));
  // One written with escapes is not the text that stands there.
  const bool plain = id.find('\\') == std::string::npos;
  return plain && schemas::CommandIdKind::check(id) ? id : std::string();
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
