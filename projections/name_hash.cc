#include "projections/name_hash.h"

// As a header-only library.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace solo::projections {

std::uint64_t outcome_hash(std::string_view tenant, std::string_view source, std::string_view id) {
  // On the stack where it can be: this is done for every command.
  std::array<char, 256> usual;
  std::string long_text;
  const std::size_t size = 3 * sizeof(std::uint32_t) + tenant.size() + source.size() + id.size();
  char* text = usual.data();
  if (size > usual.size()) {
    long_text.resize(size);
    text = long_text.data();
  }
  char* at = text;
  for (const std::string_view part : {tenant, source, id}) {
    const auto length = static_cast<std::uint32_t>(part.size());
    std::memcpy(at, &length, sizeof length);
    at = std::copy(part.begin(), part.end(), at + sizeof length);
  }
  return XXH3_64bits(text, size);
}

std::uint64_t service_hash(std::string_view tenant, std::string_view service) {
  // Names are DNS labels, so this is nearly always room enough.
  std::array<char, 160> usual;
  const std::size_t size = tenant.size() + 1 + service.size();
  if (size > usual.size()) {
    std::string text(tenant);
    text += '\0';
    text += service;
    return XXH3_64bits(text.data(), text.size());
  }
  char* at = std::copy(tenant.begin(), tenant.end(), usual.data());
  *at++ = '\0';
  std::copy(service.begin(), service.end(), at);
  return XXH3_64bits(usual.data(), size);
}

}  // namespace solo::projections
