#include "producers/record_format.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace solo::producers {
namespace {

std::string stored(std::int64_t offset, std::int64_t timestamp, const std::string& key, const std::string& value) {
  const auto header = encode_header(offset, timestamp, key, value);
  return std::string(header.data(), header.size()) + key + value;
}

TEST(RecordFormat, OffsetsSortAsTheirBytesDo) {
  const std::int64_t ascending[] = {0, 1, 255, 256, 65'535, 1LL << 40, std::numeric_limits<std::int64_t>::max()};
  std::string before;
  for (const auto offset : ascending) {
    const auto bytes = encode_offset(offset);
    const std::string text(bytes.data(), bytes.size());
    EXPECT_LT(before, text);
    EXPECT_EQ(decode_offset(text).value(), offset);
    before = text;
  }
  EXPECT_FALSE(decode_offset("short"));
}

TEST(RecordFormat, WhatWasWrittenIsReadBack) {
  const auto record = decode_record(42, stored(42, 1234567, "acme", std::string("a\0b", 3)));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->position, (schemas::Position{0, 42}));
  EXPECT_EQ(record->timestamp, 1234567);
  EXPECT_EQ(record->key, "acme");
  EXPECT_EQ(record->value, std::string("a\0b", 3));
}

TEST(RecordFormat, EveryFlippedBitIsDamage) {
  const auto sound = stored(42, 1234567, "acme", "value");
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    auto damaged = sound;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto record = decode_record(42, damaged);
    ASSERT_FALSE(record) << "bit " << bit;
    EXPECT_EQ(record.error().code, schemas::ErrorCode::data_loss);
    EXPECT_NE(record.error().message.find("record 42 "), std::string::npos);
  }
}

TEST(RecordFormat, EveryTruncationIsDamage) {
  const auto sound = stored(42, 1, "acme", "value");
  for (std::size_t size = 0; size < sound.size(); ++size) EXPECT_FALSE(decode_record(42, sound.substr(0, size)));
}

TEST(RecordFormat, ARecordUnderAnotherOffsetIsDamage) { EXPECT_FALSE(decode_record(43, stored(42, 1, "acme", "v"))); }

}  // namespace
}  // namespace solo::producers
