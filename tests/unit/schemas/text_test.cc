#include "schemas/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace solo::schemas {
namespace {

// The definition, written out: decode by bit patterns, then judge the number.
bool is_utf8_by_definition(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || at + length > text.size()) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t next = 1; next < length; ++next) {
      const auto byte = static_cast<unsigned char>(text[at + next]);
      if (byte >> 6 != 2) return false;
      code = code << 6 | (byte & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    at += length;
  }
  return true;
}

// Of bytes that matter at the borders of the rules.
rc::Gen<std::string> tricky_text() {
  const std::string bytes = "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf4\xf5\xff";
  return rc::gen::container<std::string>(rc::gen::elementOf(bytes));
}

RC_GTEST_PROP(Text, Utf8IsRecognisedAsDefined, ()) {
  const std::string text = *tricky_text();
  const std::string padded = std::string(*rc::gen::inRange<std::size_t>(0, 20), 'x') + text;
  RC_ASSERT(is_utf8(text) == is_utf8_by_definition(text));
  RC_ASSERT(is_utf8(padded) == is_utf8_by_definition(text));
}

TEST(Text, EveryTwoAndThreeByteSequenceIsJudgedAsDefined) {
  for (unsigned first = 0x80; first < 0x100; ++first) {
    for (unsigned second = 0; second < 0x100; ++second) {
      for (const unsigned third : {0x00U, 0x41U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
        const char text[] = {static_cast<char>(first), static_cast<char>(second), static_cast<char>(third)};
        const std::string_view two(text, 2), three(text, 3);
        ASSERT_EQ(is_utf8(two), is_utf8_by_definition(two)) << first << ' ' << second;
        ASSERT_EQ(is_utf8(three), is_utf8_by_definition(three)) << first << ' ' << second << ' ' << third;
      }
    }
  }
}

RC_GTEST_PROP(Text, WhatIsRepairedIsUtf8AndGoodTextIsLeftAlone, ()) {
  const std::string text = *tricky_text();
  RC_ASSERT(is_utf8(to_utf8(text)));
  if (is_utf8(text)) RC_ASSERT(to_utf8(text) == text);
}

TEST(Text, EachByteThatDoesNotFitIsReplaced) {
  EXPECT_EQ(to_utf8("a\xff\xfe"
                    "b"),
            "a\xef\xbf\xbd\xef\xbf\xbd"
            "b");
  EXPECT_EQ(to_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
}

RC_GTEST_PROP(Text, QuotedTextIsShortPrintableUtf8, ()) {
  const std::string text = *tricky_text() + std::string(*rc::gen::inRange<std::size_t>(0, 150), '\n') + *tricky_text();
  const std::string quoted = quote(text);
  RC_ASSERT(is_utf8(quoted));
  RC_ASSERT(quoted.size() < 400U);
  RC_ASSERT(quoted.find('\n') == std::string::npos);
}

TEST(Text, EscapedTextIsPrintableAsciiAndShort) {
  EXPECT_EQ(escape("a b", 10), "a b");
  EXPECT_EQ(escape("n\xff\n\x1b[31m\\\xc2\x9b", 20), R"(n\xff\x0a\x1b[31m\x5c\xc2\x9b)");
  EXPECT_EQ(escape(std::string(120'000, '\0'), 2), R"(\x00\x00...)");
}

TEST(Text, ACharacterIsNotCutInTwo) {
  EXPECT_EQ(quote(std::string(99, 'x') + "\xe2\x82\xac" + "y"), "\"" + std::string(99, 'x') + "...\"");
}

}  // namespace
}  // namespace solo::schemas
