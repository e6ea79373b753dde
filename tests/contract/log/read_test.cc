#include <thread>

#include "schemas/codec.h"
#include "schemas/crc32c.h"
#include "schemas/schemas.h"
#include "tests/contract/log/log_contract.h"

namespace solo::testing {
namespace {

using producers::RecordFingerprint;
using schemas::ErrorCode;

std::string event(const std::string& id) {
  v1::EventT event;
  event.id = id;
  event.source = "/commands/acme";
  event.tenant = "acme";
  event.payload.Set(v1::ServiceKilledT());
  return schemas::encode(event);
}

TEST_P(LogContract, StartsAtAnyOffset) {
  const auto key = key_of(0);
  const auto first = put(key, "0").offset;
  for (int number = 1; number < 50; ++number) put(key, std::to_string(number));
  for (const int start : {0, 1, 25, 49}) {
    auto from = reader(0, first + start);
    EXPECT_EQ(from->next_offset(), first + start);
    const auto records = read(*from, static_cast<std::size_t>(50 - start));
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records.front().value, std::to_string(start));
    EXPECT_EQ(records.back().value, "49");
    EXPECT_EQ(from->next_offset(), first + 50);
  }
}

TEST_P(LogContract, KeepsItsLimitsButReturnsAtLeastOneRecord) {
  const auto key = key_of(0);
  const auto first = put(key, std::string(1000, 'a')).offset;
  for (int number = 0; number < 9; ++number) put(key, std::string(1000, 'b'));
  auto from = reader(0, first);
  std::int64_t next = first;
  const auto expect = [&](consumers::ReadLimits limits, std::size_t count) {
    const auto found = from->read(limits, kPatience)->size();
    // Over a network it may be that not all of them are here yet.
    if (!GetParam().remote) {
      EXPECT_EQ(found, count);
    }
    EXPECT_GE(found, 1u);
    EXPECT_LE(found, count);
    next += static_cast<std::int64_t>(found);
    EXPECT_EQ(from->next_offset(), next);
  };
  expect({3, 1'000'000}, 3);
  expect({100, 2500}, 2);
  expect({100, 1}, 1);
}

TEST_P(LogContract, ReturnsEmptyHandedAtTheEndWhenTheTimeIsUp) {
  auto from = reader(0, log().bounds(0)->end);
  const auto records = from->read({}, std::chrono::milliseconds(5));
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_TRUE(records->empty());
}

TEST_P(LogContract, SeesARecordThatComesWhileItWaits) {
  const auto end = log().bounds(0)->end;
  auto from = reader(0, end);
  std::vector<schemas::LogRecord> seen;
  std::thread waiting([&] { seen = read(*from, 1); });
  put(key_of(0), "late");
  waiting.join();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].value, "late");
  EXPECT_EQ(seen[0].position.offset, end);
}

TEST_P(LogContract, EndsEarlyWhenItIsWoken) {
  auto from = reader(0, log().bounds(0)->end);
  const auto started = std::chrono::steady_clock::now();
  std::thread waking([&] { from->wake(); });
  const auto records = from->read({}, std::chrono::minutes(10));
  waking.join();
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->empty());
  EXPECT_LT(std::chrono::steady_clock::now() - started, kPatience);
}

TEST_P(LogContract, OneWakeEndsOneReadEvenWhenItCameBefore) {
  auto from = reader(0, log().bounds(0)->end);
  from->wake();
  EXPECT_TRUE(from->read({}, std::chrono::minutes(10))->empty());
  put(key_of(0), "x");
  EXPECT_EQ(from->read({}, kPatience)->size(), 1u);
}

TEST_P(LogContract, WhatWasAcknowledgedCountsInTheBoundsAndIsReadableAtOnce) {
  const auto key = key_of(0);
  auto from = reader(0, log().bounds(0)->end);
  for (int number = 0; number < 50; ++number) {
    const auto position = put(key, std::to_string(number));
    EXPECT_EQ(log().bounds(0)->end, position.offset + 1);
    // A log over a network needs its moment.
    const auto records = from->read({}, GetParam().remote ? kPatience : std::chrono::milliseconds(0));
    ASSERT_TRUE(records);
    ASSERT_EQ(records->size(), 1u);
    EXPECT_EQ(records->front().value, std::to_string(number));
  }
}

TEST_P(LogContract, FollowsAppendersWithoutAGapOrARepeat) {
  constexpr std::size_t kCount = 3000;
  const auto key = key_of(0);
  auto from = reader(0, log().bounds(0)->end);
  std::vector<schemas::LogRecord> seen;
  std::thread following([&] { seen = read(*from, kCount); });
  for (std::size_t number = 0; number < kCount; ++number) {
    log().commands().append(key, std::to_string(number), nullptr);
    if (number % 97 == 0) std::this_thread::yield();
  }
  following.join();
  ASSERT_EQ(seen.size(), kCount);
  for (std::size_t at = 0; at < seen.size(); ++at) EXPECT_EQ(seen[at].value, std::to_string(at));
}

TEST_P(LogContract, TwoReadersDoNotDisturbEachOther) {
  const auto key = key_of(0);
  const auto first = put(key, "a").offset;
  put(key, "b");
  auto one = reader(0, first);
  auto other = reader(0, first + 1);
  EXPECT_EQ(read(*one, 2).back().value, "b");
  EXPECT_EQ(read(*other, 1).back().value, "b");
}

TEST_P(LogContract, ARememberedTailIsFoundAgainAfterReopening) {
  const auto key = key_of(0);
  std::vector<RecordFingerprint> tail;
  for (int number = 0; number < 64; ++number) {
    const auto value = event("id-" + std::to_string(number));
    tail.push_back({put(key, value).offset, "id-" + std::to_string(number), schemas::crc32c(value)});
  }
  EXPECT_TRUE(log().check_tail(0, tail));
  reopen();
  EXPECT_TRUE(log().check_tail(0, tail));
  EXPECT_TRUE(log().check_tail(0, {}));
}

TEST_P(LogContract, AnotherRecordUnderARememberedOffsetIsNamed) {
  const auto value = event("mine");
  const auto offset = put(key_of(0), value).offset;
  for (const auto& wrong : {RecordFingerprint{offset, "other", schemas::crc32c(value)},
                            RecordFingerprint{offset, "mine", schemas::crc32c(value) + 1}}) {
    const auto checked = log().check_tail(0, {wrong});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::failed_precondition);
    EXPECT_NE(checked.error().message.find("0:" + std::to_string(offset)), std::string::npos)
        << checked.error().message;
    EXPECT_FALSE(checked.error().hint.empty());
  }
}

TEST_P(LogContract, ARememberedRecordBeyondTheEndIsNamed) {
  const auto end = log().bounds(0)->end;
  const auto checked = log().check_tail(0, {RecordFingerprint{end, "gone", 1}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(checked.error().message.find("0:" + std::to_string(end)), std::string::npos) << checked.error().message;
}

TEST_P(LogContract, TheLogIsWritable) { EXPECT_TRUE(log().condition().writable) << log().condition().detail; }

}  // namespace
}  // namespace solo::testing
