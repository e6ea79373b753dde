// Numbers that a test takes from the environment: seeds, rounds, seconds.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace solo::testing {

/// `otherwise` where the variable is unset or empty.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::stoull(text) : otherwise;
}

}  // namespace solo::testing
