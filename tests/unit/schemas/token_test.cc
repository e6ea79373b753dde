#include "schemas/token.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace solo::schemas {
namespace {

using Random = std::array<std::uint8_t, kTokenBytes>;

// 00 to 1f, whose token is written down for other implementations.
constexpr std::string_view kVector = "solo_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2envj8";

Random counting() {
  Random random;
  std::iota(random.begin(), random.end(), std::uint8_t{0});
  return random;
}

TEST(Token, IsMadeAsWrittenDown) {
  EXPECT_EQ(make_token(counting()).reveal(), kVector);
  EXPECT_TRUE(check_token(kVector));
}

TEST(Token, ItsAccessorIsAsWrittenDown) { EXPECT_EQ(token_accessor(hash_token(kVector)), "acc_996396845822d20e5ec3"); }

TEST(Token, ItsHashIsTheSha256OfItsText) {
  EXPECT_EQ(to_string(hash_token("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Token, TheSmallestAndTheGreatestFit) {
  Random zeros = {};
  EXPECT_EQ(make_token(zeros).reveal().substr(5, 43), std::string(43, '0'));
  EXPECT_TRUE(check_token(make_token(zeros).reveal()));
  Random ones;
  ones.fill(0xff);
  const TokenText greatest = make_token(ones);
  EXPECT_TRUE(check_token(greatest.reveal()));
  // One more is no number of 32 bytes, whatever checksum follows; by its digits it would be nought.
  std::string more(greatest.reveal());
  for (std::size_t at = 47;; --at) {
    const std::string digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const std::size_t next = (digits.find(more[at]) + 1) % digits.size();
    more[at] = digits[next];
    if (next != 0) break;
  }
  EXPECT_FALSE(check_token(more.substr(0, 48) + std::string(make_token(zeros).reveal().substr(48))));
}

RC_GTEST_PROP(TokenProperty, WhatIsMadeHasTheForm, ()) {
  Random random;
  for (auto& byte : random) byte = *rc::gen::arbitrary<std::uint8_t>();
  const TokenText token = make_token(random);
  RC_ASSERT(token.reveal().size() == kTokenLength);
  RC_ASSERT(check_token(token.reveal()).has_value());
}

RC_GTEST_PROP(TokenProperty, AnyOneChangedCharacterIsNoticed, ()) {
  Random random;
  for (auto& byte : random) byte = *rc::gen::arbitrary<std::uint8_t>();
  std::string text(make_token(random).reveal());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  const auto other = *rc::gen::arbitrary<char>();
  RC_PRE(other != text[at]);
  text[at] = other;
  RC_ASSERT(!check_token(text).has_value());
}

TEST(Token, OtherFormsAreRefusedWithoutRepeatingThem) {
  const std::string good(kVector);
  std::string too_great = "solo_" + std::string(43, 'z') + good.substr(48);
  for (const std::string& bad : {std::string(), good.substr(1), good + "0", "Solo_" + good.substr(5), too_great,
                                 good.substr(0, 53) + "-", good.substr(0, 48) + "zzzzzz", std::string(54, '\0')}) {
    const auto checked = check_token(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    if (bad.size() > 15) {
      EXPECT_EQ(checked.error().message.find(bad.substr(5, 10)), std::string::npos);
    }
  }
}

TEST(Token, AWholeOneIsFoundInOtherText) {
  const std::string token(kVector);
  EXPECT_TRUE(holds_token(token));
  EXPECT_TRUE(holds_token("for ci: " + token + "!"));
  EXPECT_TRUE(holds_token("solo_" + token));
  EXPECT_TRUE(holds_token(token.substr(0, 53) + " " + token));
  EXPECT_FALSE(holds_token(""));
  EXPECT_FALSE(holds_token("solo_"));
  EXPECT_FALSE(holds_token(token.substr(0, 53)));
  EXPECT_FALSE(holds_token(token.substr(0, 53) + (token.back() == '0' ? '1' : '0')));
  EXPECT_FALSE(holds_token("acc_996396845822d20e5ec3"));
}

TEST(Token, AHashAndItsHexAreOne) {
  const TokenHash hash = hash_token(kVector);
  const auto read = parse_token_hash(to_string(hash));
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == hash);
  EXPECT_FALSE(*read == hash_token("another"));
}

TEST(Token, AHashIs64LowercaseHexDigits) {
  const std::string hex = to_string(hash_token(kVector));
  std::string upper = hex;
  upper[upper.find_first_of("abcdef")] = 'A';
  for (const std::string& bad : {std::string(), hex.substr(1), hex + "0", upper, std::string(64, 'g')}) {
    EXPECT_FALSE(parse_token_hash(bad)) << bad;
  }
}

TEST(Token, AnAccessorHasItsForm) {
  EXPECT_TRUE(check_accessor("acc_996396845822d20e5ec3"));
  for (const char* bad : {"", "acc_", "acc_996396845822d20e5ec", "acc_996396845822d20e5ec3a",
                          "ACC_996396845822d20e5ec3", "acc_996396845822D20e5ec3", "996396845822d20e5ec3aaaa"}) {
    EXPECT_FALSE(check_accessor(bad)) << bad;
  }
}

TEST(Token, WipedTextIsEmptyAndItsMemoryZero) {
  std::string text(kVector);
  const char* const memory = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  // The string keeps its memory until it goes.
  ASSERT_GE(text.capacity(), kTokenLength);
  EXPECT_EQ(std::string(memory, kTokenLength), std::string(kTokenLength, '\0'));
}

TEST(Token, AMovedTextLeavesNothingBehind) {
  TokenText first = make_token(counting());
  const TokenText second = std::move(first);
  EXPECT_EQ(second.reveal(), kVector);
  EXPECT_EQ(first.reveal(), std::string(kTokenLength, '\0'));  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace solo::schemas
