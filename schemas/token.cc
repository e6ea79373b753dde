#include "schemas/token.h"

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>
#include <zlib.h>

#include <algorithm>
#include <cassert>

namespace solo::schemas {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint32_t kBase = 62;
constexpr std::string_view kAccessorPrefix = "acc_";
constexpr std::size_t kAccessorDigits = 20;

using Secret = std::array<std::uint8_t, kTokenBytes>;

// Memory that held a secret, wiped on every way out.
template <class Array>
struct Wiped {
  Array held = {};
  ~Wiped() { sodium_memzero(held.data(), sizeof held); }
};

std::uint32_t checksum(std::span<const std::uint8_t, kTokenBytes> bytes) {
  return static_cast<std::uint32_t>(crc32(crc32(0, nullptr, 0), bytes.data(), static_cast<uInt>(bytes.size())));
}

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'Z') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 36;
  return -1;
}

// Divides the big-endian number by 62, gives the remainder: the next digit from the right.
std::uint32_t divide(Secret& number) {
  std::uint32_t rest = 0;
  for (std::uint8_t& byte : number) {
    rest = rest << 8 | byte;
    byte = static_cast<std::uint8_t>(rest / kBase);
    rest %= kBase;
  }
  return rest;
}

// The same number in words, highest first. Digits are taken several at a time: every request's token is read.
using Words = std::array<std::uint32_t, kTokenBytes / 4>;
constexpr std::size_t kDigitsAtOnce = 5;

// number * factor + value; false: it does not fit.
bool append_digits(Words& number, std::uint32_t factor, std::uint32_t value) {
  std::uint64_t carry = value;
  for (auto word = number.rbegin(); word != number.rend(); ++word) {
    carry += std::uint64_t{*word} * factor;
    *word = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  return carry == 0;
}

bool parse_secret(std::string_view digits, Secret& number) {
  Wiped<Words> words;
  while (!digits.empty()) {
    const std::string_view some = digits.substr(0, kDigitsAtOnce);
    std::uint32_t factor = 1;
    std::uint32_t value = 0;
    for (const char c : some) {
      const int digit = digit_value(c);
      if (digit < 0) return false;
      factor *= kBase;
      value = value * kBase + static_cast<std::uint32_t>(digit);
    }
    if (!append_digits(words.held, factor, value)) return false;
    digits.remove_prefix(some.size());
  }
  for (std::size_t at = 0; at < number.size(); ++at) {
    number[at] = static_cast<std::uint8_t>(words.held[at / 4] >> (8 * (3 - at % 4)));
  }
  return true;
}

bool is_checksum(std::string_view digits, std::uint32_t expected) {
  std::uint64_t number = 0;
  for (const char c : digits) {
    const int digit = digit_value(c);
    if (digit < 0) return false;
    number = number * kBase + static_cast<std::uint64_t>(digit);
  }
  return number == expected;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace

TokenText::TokenText(std::string_view text) {
  assert(text.size() == text_.size());
  std::copy(text.begin(), text.end(), text_.begin());
}

TokenText::~TokenText() { sodium_memzero(text_.data(), text_.size()); }

TokenText::TokenText(TokenText&& other) noexcept : text_(other.text_) {
  sodium_memzero(other.text_.data(), other.text_.size());
}

TokenText& TokenText::operator=(TokenText&& other) noexcept {
  if (this != &other) {
    text_ = other.text_;
    sodium_memzero(other.text_.data(), other.text_.size());
  }
  return *this;
}

TokenText make_token(std::span<const std::uint8_t, kTokenBytes> random) {
  Wiped<Secret> number;
  std::copy(random.begin(), random.end(), number.held.begin());
  Wiped<std::array<char, kTokenLength>> text;
  std::copy(kTokenPrefix.begin(), kTokenPrefix.end(), text.held.begin());
  char* const digits = text.held.data() + kTokenPrefix.size();
  std::uint32_t rest = checksum(random);
  for (std::size_t at = kTokenDigits + kTokenChecksumDigits; at > kTokenDigits; --at, rest /= kBase) {
    digits[at - 1] = kDigits[rest % kBase];
  }
  for (std::size_t at = kTokenDigits; at > 0; --at) digits[at - 1] = kDigits[divide(number.held)];
  return TokenText({text.held.data(), text.held.size()});
}

Result<void> check_token(std::string_view text) {
  if (text.size() != kTokenLength || text.substr(0, kTokenPrefix.size()) != kTokenPrefix) {
    return fail(ErrorCode::invalid_argument, "a token is solo_ and 49 letters and digits");
  }
  Wiped<Secret> number;
  if (!parse_secret(text.substr(kTokenPrefix.size(), kTokenDigits), number.held) ||
      !is_checksum(text.substr(kTokenPrefix.size() + kTokenDigits), checksum(number.held))) {
    return fail(ErrorCode::invalid_argument, "the token is mistyped: its checksum does not fit");
  }
  return {};
}

bool holds_token(std::string_view text) {
  for (auto at = text.find(kTokenPrefix); at != std::string_view::npos; at = text.find(kTokenPrefix, at + 1)) {
    if (check_token(text.substr(at, kTokenLength))) return true;
  }
  return false;
}

bool TokenHash::operator==(const TokenHash& other) const {
  return sodium_memcmp(bytes.data(), other.bytes.data(), bytes.size()) == 0;
}

TokenHash hash_token(std::string_view text) {
  TokenHash hash;
  crypto_hash_sha256(hash.bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hash;
}

std::string to_string(const TokenHash& hash) { return hex(hash.bytes); }

Result<TokenHash> parse_token_hash(std::string_view text) {
  TokenHash hash;
  if (text.size() != 2 * hash.bytes.size() || !is_hex(text)) {
    return fail(ErrorCode::invalid_argument, "a token's hash is 64 lowercase hex digits");
  }
  const auto nibble = [text](std::size_t at) {
    const char c = text[at];
    return static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  for (std::size_t at = 0; at < hash.bytes.size(); ++at) {
    hash.bytes[at] = static_cast<std::uint8_t>(nibble(2 * at) << 4 | nibble(2 * at + 1));
  }
  return hash;
}

std::string token_accessor(const TokenHash& hash) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), hash.bytes.data(), hash.bytes.size());
  return std::string(kAccessorPrefix) + hex(std::span(digest).first(kAccessorDigits / 2));
}

Result<void> check_accessor(std::string_view text) {
  if (text.size() == kAccessorPrefix.size() + kAccessorDigits &&
      text.substr(0, kAccessorPrefix.size()) == kAccessorPrefix && is_hex(text.substr(kAccessorPrefix.size()))) {
    return {};
  }
  return fail(ErrorCode::invalid_argument, "an accessor is acc_ and 20 lowercase hex digits");
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

}  // namespace solo::schemas
