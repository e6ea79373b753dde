#include "producers/live_tail.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace solo::producers {
namespace {

std::vector<schemas::LogRecord> records(std::int64_t from, std::int64_t end, std::size_t size) {
  std::vector<schemas::LogRecord> made;
  for (auto offset = from; offset < end; ++offset) made.push_back({{0, offset}, 0, "", std::string(size, 'x')});
  return made;
}

TEST(LiveTail, KeepsTheLastRecordsWithinItsBytes) {
  LiveTail tail(10, 1000);
  tail.extend(records(10, 30, 100));
  EXPECT_EQ(tail.end(), 30);
  std::vector<schemas::LogRecord> found;
  EXPECT_FALSE(tail.read(19, 100, 1 << 20, found)) << "only ten fit";
  EXPECT_FALSE(tail.read(0, 100, 1 << 20, found));
  ASSERT_TRUE(tail.read(20, 100, 1 << 20, found));
  ASSERT_EQ(found.size(), 10u);
  EXPECT_EQ(found.front().position.offset, 20);
}

TEST(LiveTail, ReadsWithinTheLimitsButAtLeastOne) {
  LiveTail tail(0, 10'000);
  tail.extend(records(0, 10, 100));
  for (const auto& [max_records, max_bytes, expected] :
       {std::tuple{3, 10'000, 3}, std::tuple{10, 250, 2}, std::tuple{10, 1, 1}}) {
    std::vector<schemas::LogRecord> found;
    ASSERT_TRUE(tail.read(0, static_cast<std::size_t>(max_records), static_cast<std::size_t>(max_bytes), found));
    EXPECT_EQ(found.size(), static_cast<std::size_t>(expected));
  }
}

TEST(LiveTail, AtItsEndThereIsNothingYet) {
  LiveTail tail(5, 1000);
  std::vector<schemas::LogRecord> found;
  EXPECT_TRUE(tail.read(5, 10, 1000, found));
  EXPECT_TRUE(found.empty());
}

TEST(LiveTail, AWaiterIsWokenByTheRecordItWaitsFor) {
  LiveTail tail(0, 1000);
  const std::atomic<bool> woken = false;
  std::thread extending([&] { tail.extend(records(0, 1, 1)); });
  tail.wait_for(0, std::chrono::steady_clock::now() + std::chrono::minutes(1), woken);
  EXPECT_EQ(tail.end(), 1);
  extending.join();
}

}  // namespace
}  // namespace solo::producers
