// FlatBuffers' own JSON of the same tables: field names as in the schemas, enums by name, unions as
// `body_type` and `body`, defaults written out, unknown fields refused by name.
//
// A JsonCodec is not thread-safe (it holds a parser); keep one per thread.
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

  /// invalid_argument with line, column and the offending word. Nesting is bounded.
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
