// Cutting text to a length without cutting a character in two; naming code by its digest. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace solo::projections {

/// The first `bytes` bytes, less what would be the beginning of a cut UTF-8 character.
std::string_view clip_head(std::string_view text, std::size_t bytes);
/// The last `bytes` bytes, less what would be the end of one.
std::string_view clip_tail(std::string_view text, std::size_t bytes);

/// SHA-256, in 64 lowercase hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace solo::projections
