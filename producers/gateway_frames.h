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

/// A connection, for as long as the gateway lives: numbers are not used twice.
using PeerId = std::uint64_t;

/// Where an answer goes, and in which form.
struct ReturnPath {
  PeerId peer = 0;
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

/// The id in a JSON text that is no request, so that whoever sent it knows which one the answer is about: the first
/// "id" of the outermost object. Empty: it has none that could be a command's.
std::string id_in(std::string_view json);

}  // namespace solo::producers
