// What a request and its reply look like as ZeroMQ frames. Pure.
//
// From REQ: an empty frame, header, body. From DEALER: the same, or header and body alone. The answer has the form and
// the encoding of its request; what is no request is answered in JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::producers {

enum class Encoding : std::uint8_t { json, flatbuffers };

/// `solo/1 json`, `solo/1 flatbuffers`.
std::string_view header_of(Encoding encoding);

/// Where an answer goes, and in which form.
struct ReturnPath {
  /// The routing id that ROUTER gave the connection.
  std::string peer;
  bool empty_frame = false;
  Encoding encoding = Encoding::json;
};

struct RequestFrames {
  bool empty_frame = false;
  Encoding encoding = Encoding::json;
  /// invalid_argument: not a request's frames, the message says what is expected; resource_exhausted: too long.
  schemas::Result<std::string_view> body;
};

/// Of a message without its routing id. `count` is how many frames it had; `frames` holds the first few of them.
RequestFrames read_frames(std::span<const std::string_view> frames, std::size_t count, std::size_t max_body);

}  // namespace solo::producers
