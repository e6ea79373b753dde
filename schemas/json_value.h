// A JSON text as a value in memory, before it is known what it means. Internal to schemas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/result.h"

namespace solo::schemas {

struct JsonValue {
  /// A number with a fraction, an exponent or more digits than 64 bits hold: no field takes one.
  struct Unfit {};
  using Array = std::vector<JsonValue>;
  /// names[i] is that of values[i].
  struct Object {
    std::vector<std::string> names;
    std::vector<JsonValue> values;
  };

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, Unfit, std::string, Array, Object> held;
};

/// Strict JSON (RFC 8259) of UTF-8, all of it one value. invalid_argument names line and column of a syntax error, or
/// the field that is there twice; so do the bounds on depth, count of values and fields of an object.
Result<JsonValue> parse_json(std::string_view text);

}  // namespace solo::schemas
