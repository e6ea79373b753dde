#include "ops/cli/log_range.h"

#include <gtest/gtest.h>

namespace solo::ops {
namespace {

using Kind = LogPlace::Kind;

constexpr std::int64_t kNow = 1'700'000'000'000'000;

LogRange parsed(std::string_view text) {
  auto range = parse_log_range(text, kNow);
  EXPECT_TRUE(range) << text;
  return range ? *range : LogRange{};
}

TEST(LogRange, PlacesAreReadAsRpkReadsThem) {
  EXPECT_EQ(parsed("start").from, (LogPlace{Kind::start, 0}));
  EXPECT_EQ(parsed("end").from, (LogPlace{Kind::end, 0}));
  EXPECT_EQ(parsed("17").from, (LogPlace{Kind::offset, 17}));
  EXPECT_EQ(parsed("-5").from, (LogPlace{Kind::before_end, 5}));
  EXPECT_EQ(parsed("+5").from, (LogPlace{Kind::plus, 5}));
  EXPECT_EQ(parsed("17").to, (LogPlace{Kind::end, 0}));
}

TEST(LogRange, TimesMayHoldColons) {
  EXPECT_EQ(parsed("@1700000000").from, (LogPlace{Kind::time, kNow}));
  EXPECT_EQ(parsed("@1700000000000").from, (LogPlace{Kind::time, kNow}));
  EXPECT_EQ(parsed("@2023-11-14T22:13:20Z").from, (LogPlace{Kind::time, kNow}));
  EXPECT_EQ(parsed("@2023-11-14").from.value, kNow - (22 * 3600 + 13 * 60 + 20) * 1'000'000LL);
  EXPECT_EQ(parsed("@-5m").from, (LogPlace{Kind::time, kNow - 300'000'000}));
  const auto range = parsed("@2023-11-14T22:13:20:@2023-11-14T22:13:21Z");
  EXPECT_EQ(range.from, (LogPlace{Kind::time, kNow}));
  EXPECT_EQ(range.to, (LogPlace{Kind::time, kNow + 1'000'000}));
}

TEST(LogRange, EitherEndMayBeLeftOut) {
  EXPECT_EQ(parsed("3:7").from.value, 3);
  EXPECT_EQ(parsed("3:7").to.value, 7);
  EXPECT_EQ(parsed(":7").from.kind, Kind::start);
  EXPECT_EQ(parsed("3:").to.kind, Kind::end);
  EXPECT_EQ(parsed("-5:+2").to, (LogPlace{Kind::plus, 2}));
}

TEST(LogRange, WhatIsNoPlaceIsRefused) {
  for (const char* text : {"", ":", "x", "-", "+", "1.5", "--5", "@", "@tomorrow", "3:x", "@-5y", "1:2:3"}) {
    EXPECT_FALSE(parse_log_range(text, kNow)) << text;
  }
}

TEST(LogRange, ResolvedRangeIsInsideTheLog) {
  const auto at = [](std::string_view text) {
    auto range = resolve(parsed(text), 0, 10, [](std::int64_t) { return schemas::Result<std::int64_t>(4); });
    return std::pair(range->from, range->to);
  };
  EXPECT_EQ(at("start"), std::pair(std::int64_t{0}, std::int64_t{10}));
  EXPECT_EQ(at("end"), std::pair(std::int64_t{10}, std::int64_t{10}));
  EXPECT_EQ(at("-3"), std::pair(std::int64_t{7}, std::int64_t{10}));
  EXPECT_EQ(at("-30"), std::pair(std::int64_t{0}, std::int64_t{10}));
  EXPECT_EQ(at("5:+2"), std::pair(std::int64_t{5}, std::int64_t{7}));
  EXPECT_EQ(at("5:+200"), std::pair(std::int64_t{5}, std::int64_t{10}));
  EXPECT_EQ(at("5:99"), std::pair(std::int64_t{5}, std::int64_t{10}));
  EXPECT_EQ(at("10"), std::pair(std::int64_t{10}, std::int64_t{10}));
  EXPECT_EQ(at("@-1h:6"), std::pair(std::int64_t{4}, std::int64_t{6}));
}

TEST(LogRange, RangeThatCannotBeIsRefusedByItsNumbers) {
  const auto refused = [](std::string_view text) {
    auto range = resolve(parsed(text), 0, 10, [](std::int64_t) { return schemas::Result<std::int64_t>(4); });
    return range ? schemas::Error{schemas::ErrorCode::ok, ""} : range.error();
  };
  for (const char* text : {"5:2", "-3:6", "@-1h:3", "end:start"}) {
    EXPECT_EQ(refused(text).code, schemas::ErrorCode::invalid_argument) << text;
  }
  EXPECT_NE(refused("5:2").message.find("ends at 2, before it begins at 5"), std::string::npos);
  for (const char* text : {"11", "99:100", "+11", "9223372036854775807", "+9223372036854775807"}) {
    EXPECT_EQ(refused(text).code, schemas::ErrorCode::not_found) << text;
  }
}

}  // namespace
}  // namespace solo::ops
