// FlatBuffers' own JSON of the same tables: field names as in the schemas, enums by name, unions as
// `body_type` and `body`, defaults written out, unknown fields refused by name.
//
// Written: every field, text that is not set as "", vectors as [], tables and unions that are not set left out.
// Read: strict JSON; null is "not given"; an enum may also be its number; integers are plain digits.
//
// A JsonCodec is not thread-safe (it holds a buffer); keep one per thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::v1 {
struct EventT;
struct RequestT;
struct ReplyT;
struct SpecT;
}  // namespace solo::v1

namespace solo::schemas {

class JsonCodec {
 public:
  JsonCodec();
  ~JsonCodec();
  JsonCodec(const JsonCodec&) = delete;
  JsonCodec& operator=(const JsonCodec&) = delete;

  /// One line, no trailing newline.
  std::string to_json(const v1::EventT& event);
  std::string to_json(const v1::RequestT& request);
  std::string to_json(const v1::ReplyT& reply);

  /// invalid_argument: not JSON (the message has line and column), or it does not fit the schema (the message has the
  /// field's path, `body.spec.env[0]`, the hint what is known there); and all that codec.h refuses. unimplemented: a
  /// command or payload type this build does not know. Size, depth and count of values are bounded.
  Result<v1::EventT> event_from_json(std::string_view json);
  Result<v1::RequestT> request_from_json(std::string_view json);
  Result<v1::ReplyT> reply_from_json(std::string_view json);
  Result<v1::SpecT> spec_from_json(std::string_view json);

  /// Any table of the schemas by its name (`ServiceRecord`, `RecoveryReport`, ...), from a finished, trusted buffer
  /// whose root it is.
  Result<std::string> table_to_json(std::string_view table, std::string_view buffer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::schemas
