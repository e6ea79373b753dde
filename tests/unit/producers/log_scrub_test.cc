#include "producers/log_scrub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <optional>
#include <vector>

namespace solo::producers {
namespace {

using schemas::Result;

/// Ten records of a hundred bytes at once.
Result<RecordStore::Checked> ten_more(const ReadRange& range) {
  const auto end = std::min(range.from + 10, range.end);
  return RecordStore::Checked{end, static_cast<std::size_t>(end - range.from) * 100};
}

ScrubPace as_fast_as_it_can() { return {1000, std::size_t{1} << 40}; }

TEST(LogScrub, ChecksEveryRecordOnceAndSaysSo) {
  std::vector<std::int64_t> from;
  std::promise<Result<void>> told;
  const LogScrub scrub(
      25, as_fast_as_it_can(),
      [&](const ReadRange& range) {
        from.push_back(range.from);
        EXPECT_EQ(range.end, 25);
        return ten_more(range);
      },
      [&](const Result<void>& ended) { told.set_value(ended); });
  EXPECT_TRUE(told.get_future().get());
  EXPECT_EQ(from, (std::vector<std::int64_t>{0, 10, 20}));
}

TEST(LogScrub, EndsAtTheFirstRecordThatCannotBeRead) {
  std::promise<Result<void>> told;
  int checks = 0;
  const LogScrub scrub(
      100, as_fast_as_it_can(),
      [&](const ReadRange& range) -> Result<RecordStore::Checked> {
        ++checks;
        if (range.from == 20) return schemas::fail(schemas::ErrorCode::data_loss, "record 20 of the log is damaged");
        return ten_more(range);
      },
      [&](const Result<void>& ended) { told.set_value(ended); });
  const auto ended = told.get_future().get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "record 20 of the log is damaged");
  EXPECT_EQ(checks, 3);
}

TEST(LogScrub, OfAnEmptyLogEndsAtOnce) {
  std::promise<Result<void>> told;
  const LogScrub scrub(0, {}, ten_more, [&](const Result<void>& ended) { told.set_value(ended); });
  EXPECT_TRUE(told.get_future().get());
}

TEST(LogScrub, IsEndedWhileItRestsAndThenSaysNothing) {
  std::promise<void> checked;
  bool told = false;
  const auto begin = std::chrono::steady_clock::now();
  {
    // At a byte a second it rests for a quarter of an hour after the first records.
    std::optional<LogScrub> scrub(
        std::in_place, 100, ScrubPace{1000, 1},
        [&](const ReadRange& range) {
          checked.set_value();
          return ten_more(range);
        },
        [&](const Result<void>&) { told = true; });
    checked.get_future().wait();
    scrub.reset();
  }
  EXPECT_FALSE(told);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
}

}  // namespace
}  // namespace solo::producers
