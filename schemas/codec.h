// Bytes to values and back, for everything Solo says: events, requests, replies.
//
// decode() takes untrusted bytes: it checks identifier, structure (FlatBuffers' verifier, depth and table count
// bounded), union tags (the verifier lets unknown ones pass), that every string is UTF-8 and that no part is used so
// often that the value would be far larger than its bytes. It never reads out of bounds. What it returns is a value
// that owns all it holds. Names, ids and the like are not judged here. Functions are pure and thread-safe.
//
// encode() takes a value made by code: strings are UTF-8, a union's tag goes with its value, vectors hold no empty Box.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schemas/result.h"
#include "schemas/text.h"

namespace solo::v1 {
struct Event;
struct EventT;
struct RequestT;
struct ReplyT;
struct SpecT;
}  // namespace solo::v1

namespace solo::schemas {

inline constexpr std::size_t kMaxRequestBytes = 1024 * 1024;
/// apply goes by it: as with the rules of specs (schemas/spec.h), a change would judge old records anew.
inline constexpr std::size_t kMaxEventBytes = 900 * 1024;
inline constexpr std::size_t kMaxReplyBytes = 16 * 1024 * 1024;

std::string encode(const v1::EventT& event);
std::string encode(const v1::RequestT& request);
std::string encode(const v1::ReplyT& reply);

/// invalid_argument: not an event; the message says what is wrong with it.
/// unimplemented: a payload type this build does not know.
Result<v1::EventT> decode_event(std::string_view bytes);
/// Also: unimplemented for a command this build does not know, invalid_argument for an enum value it does not know,
/// resource_exhausted over kMaxRequestBytes.
Result<v1::RequestT> decode_request(std::string_view bytes);
/// A reply may be without a body. unimplemented: a body this build does not know.
Result<v1::ReplyT> decode_reply(std::string_view bytes);

/// Would decode_reply() take it? Without copying it.
Result<void> check_reply(std::string_view bytes);

/// The verified buffer in place, without copying it: for hot paths. Valid as long as the bytes are, which begin at an
/// address divisible by 4, as a std::string's do; the others take any address.
Result<const v1::Event*> view_event(std::string_view bytes);

}  // namespace solo::schemas
