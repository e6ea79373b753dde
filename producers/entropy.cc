#include "producers/entropy.h"

#include <sodium.h>

#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace solo::producers {

std::string Entropy::uuid() {
  std::array<std::uint8_t, 16> bytes{};
  fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 4122
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 0x0f]);
  }
  return text;
}

std::uint64_t Entropy::below(std::uint64_t bound) {
  assert(bound > 0);
  // Draws under 2^64 mod bound are thrown away, so that every remainder is equally likely.
  const std::uint64_t skip = (std::numeric_limits<std::uint64_t>::max() - bound + 1) % bound;
  for (;;) {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    std::uint64_t drawn = 0;
    std::memcpy(&drawn, bytes.data(), sizeof drawn);
    if (drawn >= skip) return drawn % bound;
  }
}

void SystemEntropy::fill(std::span<std::uint8_t> bytes) {
  static const bool ready = sodium_init() >= 0;
  if (!ready) throw std::runtime_error("libsodium cannot be initialised: the system has no source of randomness");
  randombytes_buf(bytes.data(), bytes.size());
}

}  // namespace solo::producers
