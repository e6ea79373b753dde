#include "schemas/text.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace solo::schemas {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::size_t kQuotedBytes = 100;

bool between(unsigned char byte, unsigned char low, unsigned char high) { return byte >= low && byte <= high; }

// Length of the well-formed sequence that starts here, 0 if there is none: table 3-7 of the Unicode standard.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto tail = [&](std::size_t from, std::size_t to) {
    for (; from < to; ++from) {
      if (!between(byte(from), 0x80, 0xbf)) return false;
    }
    return true;
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (between(lead, 0xc2, 0xdf)) return text.size() >= 2 && tail(1, 2) ? 2 : 0;
  if (between(lead, 0xe0, 0xef)) {
    if (text.size() < 3 || !tail(1, 3)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (between(lead, 0xf0, 0xf4)) {
    if (text.size() < 4 || !tail(1, 4)) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

template <class Word>
Word load(const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Nearly all text is: looked at in words, the last of which may overlap the one before.
bool is_ascii(std::string_view text) {
  const char* const end = text.data() + text.size();
  if (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t bits = load<std::uint64_t>(end - sizeof(std::uint64_t));
    for (const char* at = text.data(); end - at >= 8; at += 8) bits |= load<std::uint64_t>(at);
    return (bits & 0x8080808080808080U) == 0;
  }
  if (text.size() >= sizeof(std::uint32_t)) {
    return ((load<std::uint32_t>(text.data()) | load<std::uint32_t>(end - 4)) & 0x80808080U) == 0;
  }
  for (const char character : text) {
    if (static_cast<unsigned char>(character) >= 0x80) return false;
  }
  return true;
}

}  // namespace

bool is_utf8(std::string_view text) {
  if (is_ascii(text)) return true;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    out += length == 0 ? kReplacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string escape(std::string_view text, std::size_t most) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char character : text.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(character);
    if (between(byte, 0x20, 0x7e) && character != '\\') {
      out += character;
    } else {
      (out += "\\x") += {kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return text.size() > most ? out + "..." : out;
}

std::string quote(std::string_view text) {
  const bool cut = text.size() > kQuotedBytes;
  std::string_view kept = text.substr(0, kQuotedBytes);
  // Do not cut a character in two.
  while (cut && !kept.empty() && (static_cast<unsigned char>(text[kept.size()]) & 0xc0) == 0x80) kept.remove_suffix(1);
  std::string out = "\"";
  for (const char character : to_utf8(kept)) {
    const auto byte = static_cast<unsigned char>(character);
    out += byte < 0x20 || byte == 0x7f ? '?' : character;
  }
  return out += cut ? "...\"" : "\"";
}

}  // namespace solo::schemas
