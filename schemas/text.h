// Text from outside: is it UTF-8, and how it is quoted in a message. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace solo::schemas {

/// Well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

/// The text with every byte that is not UTF-8 replaced by U+FFFD: for what programs print.
std::string to_utf8(std::string_view text);

/// Printable ASCII alone: every other byte, and the backslash, as \xNN; cut short after `most` bytes. For what is of
/// unknown origin and goes into reports and logs.
std::string escape(std::string_view text, std::size_t most);

/// For messages: in double quotes, UTF-8, without control characters, and cut short when it is long.
std::string quote(std::string_view text);

}  // namespace solo::schemas
