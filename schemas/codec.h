// Bytes to values and back, for everything Solo says: events, requests, replies.
//
// decode() takes untrusted bytes: it checks identifier, structure (FlatBuffers' verifier, depth and table count
// bounded), union tags (the verifier lets unknown ones pass) and that every string is UTF-8, and never reads out of
// bounds. What it returns is a value that owns all it holds. Functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::v1 {
struct Event;
struct EventT;
struct RequestT;
struct ReplyT;
}  // namespace solo::v1

namespace solo::schemas {

inline constexpr std::size_t kMaxRequestBytes = 1024 * 1024;
inline constexpr std::size_t kMaxEventBytes = 900 * 1024;

std::string encode(const v1::EventT& event);
std::string encode(const v1::RequestT& request);
std::string encode(const v1::ReplyT& reply);

/// invalid_argument: not an event; the message says what is wrong with it.
/// unimplemented: a payload type this build does not know.
Result<v1::EventT> decode_event(std::string_view bytes);
Result<v1::RequestT> decode_request(std::string_view bytes);
Result<v1::ReplyT> decode_reply(std::string_view bytes);

/// The verified buffer in place, without copying it: for hot paths. Valid as long as the bytes are.
Result<const v1::Event*> view_event(std::string_view bytes);

/// Well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

/// The text with every byte that is not UTF-8 replaced by U+FFFD: for what programs print.
std::string to_utf8(std::string_view text);

}  // namespace solo::schemas
