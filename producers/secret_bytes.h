// Bytes that must not outlive their use: tokens and keys on their way through buffers.
#pragma once

#include <string>
#include <string_view>

namespace solo::producers {

/// Overwrites the whole buffer and empties it; the compiler does not leave it out.
void wipe(std::string& text);

/// text.append(more), but a buffer that grows is overwritten before it is freed. Room is made for `expected` bytes at
/// most at once.
void append_secret(std::string& text, std::string_view more, std::size_t expected);

}  // namespace solo::producers
