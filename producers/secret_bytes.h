// Bytes that must not outlive their use: tokens and keys on their way through buffers.
#pragma once

#include <string>
#include <string_view>

namespace solo::producers {

/// Overwrites the whole buffer and empties it; the compiler does not leave it out.
void wipe(std::string& text);

/// Overwrites what functions called before this one have left on the stack: locals, and registers that were put aside
/// (a call that the dynamic linker binds late puts all vector registers there, and with them the end of what was copied
/// last). To be called from where those were called; takes about 2 us.
void wipe_stack();

/// text.append(more), but a buffer that grows is overwritten before it is freed. Room is made for `expected` bytes at
/// most at once.
void append_secret(std::string& text, std::string_view more, std::size_t expected);

}  // namespace solo::producers
