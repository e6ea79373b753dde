// Memory that will be looked at soon, brought near without waiting for it. Internal to projections.
#pragma once

#include <cstddef>

namespace solo::projections {

inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  // Without it g++ holds a function that does nothing but this for one without effect, and leaves out its calls.
  asm volatile("");
}

inline void prefetch(const void* from, std::size_t size) {
  constexpr std::size_t kCacheLine = 64;
  const char* at = static_cast<const char*>(from);
  for (std::size_t offset = 0; offset < size; offset += kCacheLine) prefetch(at + offset);
}

}  // namespace solo::projections
