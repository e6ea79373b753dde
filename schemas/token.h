// Capability tokens as text: `solo_`, 43 base62 digits (0-9A-Za-z) of 32 random bytes, 6 digits of their CRC-32
// (zlib's); numbers big-endian. The form is one that secret scanners can match, and a mistyped token is told from an
// unknown one.
//
// Everywhere but in its holder's hands a token is its hash, the SHA-256 of the whole text; people and the audit name it
// by its accessor, which tells nothing of the secret and does not lead back to the hash.
//
// Pure but for libsodium's one-time set-up; thread-safe. No error repeats what it was given.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::schemas {

inline constexpr std::size_t kTokenBytes = 32;
inline constexpr std::string_view kTokenPrefix = "solo_";
inline constexpr std::size_t kTokenDigits = 43;
inline constexpr std::size_t kTokenChecksumDigits = 6;
inline constexpr std::size_t kTokenLength = kTokenPrefix.size() + kTokenDigits + kTokenChecksumDigits;

/// A token's text, wiped when it goes. One owner: it moves and is not copied.
class TokenText {
 public:
  /// `text` must have kTokenLength characters.
  explicit TokenText(std::string_view text);
  ~TokenText();
  TokenText(TokenText&& other) noexcept;
  TokenText& operator=(TokenText&& other) noexcept;
  TokenText(const TokenText&) = delete;
  TokenText& operator=(const TokenText&) = delete;

  /// Valid as long as this is; the caller makes no copy that stays.
  std::string_view reveal() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, kTokenLength> text_;
};

/// From 32 random bytes that are used for nothing else; the caller wipes them.
TokenText make_token(std::span<const std::uint8_t, kTokenBytes> random);

/// invalid_argument: another length, prefix or alphabet, or the checksum does not fit.
Result<void> check_token(std::string_view text);

/// Is there a whole token in it somewhere? For text that is going to be kept or shown.
bool holds_token(std::string_view text);

/// SHA-256 of a token's text.
struct TokenHash {
  std::array<std::uint8_t, 32> bytes = {};
  /// Does not tell by its time how much of the two is alike.
  bool operator==(const TokenHash& other) const;
};

/// Of any text; whether it has a token's form is another question.
TokenHash hash_token(std::string_view text);

/// 64 lowercase hex digits, as events and views have it.
std::string to_string(const TokenHash& hash);
Result<TokenHash> parse_token_hash(std::string_view hex);

/// `acc_` and 20 hex digits: the beginning of SHA-256 over the hash's bytes.
std::string token_accessor(const TokenHash& hash);
Result<void> check_accessor(std::string_view text);

/// Overwrites the text with zeros, in a way that no compiler leaves out, and empties it.
void wipe(std::string& text);

}  // namespace solo::schemas
