// Expired tokens are swept out of a real daemon's views by events, and a clock that is wrong takes none that lives.
#include "tests/integration/daemon/orders.h"
#include "tests/support/stepped_clock.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 24 * kHour;
/// More than one event holds.
constexpr std::uint64_t kExpired = 1'100;

class Sweeping : public Orders {
 protected:
  void SetUp() override {
    if (clock_.environment().empty()) GTEST_SKIP() << "nothing can be preloaded into this build";
    daemon_.set_environment(clock_.environment());
  }

  /// The next run of the daemon, with its clock that far off.
  void start_at(std::int64_t offset) {
    clock_.set(offset);
    start();
  }
  /// The sweeper's thread looks before it ends.
  void stop() {
    client_.reset();
    ASSERT_EQ(daemon_.stop(), 0) << daemon_.log();
  }
  void run_at(std::int64_t offset) {
    ASSERT_NO_FATAL_FAILURE(start_at(offset));
    stop();
  }

  void grant(std::uint64_t number, std::chrono::milliseconds ttl) {
    v1::TokenGrantT body;
    body.hash = test_token(number).hex;
    body.permissions = {v1::Permission::read};
    body.ttl_ms = static_cast<std::uint64_t>(ttl.count());
    ASSERT_TRUE(call(about_tokens("grant-" + std::to_string(number), std::move(body))).ok);
  }
  bool is_there(std::uint64_t number) {
    v1::TokenInspectT body;
    body.accessor = test_token(number).accessor;
    return call(about_tokens({}, std::move(body))).ok;
  }
  bool works(std::uint64_t number) {
    v1::RequestT request = about_tokens({}, v1::ListT());
    request.token = test_token(number).text;
    return call(std::move(request)).ok;
  }
  /// How many each event took out.
  std::vector<std::size_t> removals() {
    std::vector<std::size_t> sizes;
    for (const auto& event : events()) {
      if (const auto* removed = event.payload.AsCapabilitiesRemoved()) sizes.push_back(removed->hashes.size());
    }
    return sizes;
  }

  SteppedClock clock_;

 private:
  template <class Body>
  static v1::RequestT about_tokens(std::string id, Body body) {
    v1::RequestT request;
    request.id = std::move(id);
    request.tenant = "acme";
    request.body.Set(std::move(body));
    return request;
  }
};

TEST_F(Sweeping, WhatExpiredMoreThanADayAgoGoesByEventsOfAtMostAThousandAndStaysGone) {
  ASSERT_NO_FATAL_FAILURE(start_at(-46 * kHour));
  for (std::uint64_t number = 1; number <= kExpired; ++number) grant(number, std::chrono::seconds(1));
  grant(5'000, std::chrono::hours(24));
  grant(5'001, std::chrono::hours(24 * 30));
  stop();
  // No day passes without a record: none of these is a leap.
  ASSERT_NO_FATAL_FAILURE(run_at(-23 * kHour));
  ASSERT_EQ(removals().size(), 0U) << "not yet a day ago";
  ASSERT_NO_FATAL_FAILURE(start_at(0));
  EXPECT_TRUE(eventually([&] { return !is_there(1) && !is_there(kExpired); })) << daemon_.log();
  EXPECT_TRUE(is_there(5'000)) << "it expired less than a day ago";
  EXPECT_FALSE(works(5'000));
  EXPECT_TRUE(works(5'001));
  client_.reset();
  daemon_.kill9();
  // By replay of the log alone, with a clock that says the day has not yet passed.
  std::filesystem::remove_all(daemon_.state() / "views");
  ASSERT_NO_FATAL_FAILURE(start_at(-24 * kHour));
  EXPECT_FALSE(is_there(1));
  EXPECT_FALSE(is_there(kExpired));
  EXPECT_TRUE(works(5'001));
  stop();
  std::size_t sum = 0;
  for (const std::size_t size : removals()) {
    EXPECT_LE(size, 1'000U);
    sum += size;
  }
  EXPECT_EQ(sum, kExpired) << "each once";
}

TEST_F(Sweeping, AClockThatIsAYearAheadTakesNoLiveTokenHoweverOftenTheDaemonIsStartedByIt) {
  ASSERT_NO_FATAL_FAILURE(start_at(-60 * kHour));
  grant(1, std::chrono::seconds(1));
  grant(2, std::chrono::hours(24 * 30));
  grant(3, std::chrono::hours(24 * 366));
  stop();
  ASSERT_NO_FATAL_FAILURE(run_at(-37 * kHour));
  ASSERT_NO_FATAL_FAILURE(run_at(-14 * kHour));
  for (int times = 0; times < 3; ++times) {
    ASSERT_NO_FATAL_FAILURE(start_at(400 * kDay));
    EXPECT_FALSE(works(2)) << "by this clock it has expired";
    stop();
  }
  ASSERT_NO_FATAL_FAILURE(start_at(0));
  EXPECT_TRUE(works(2)) << daemon_.log();
  EXPECT_TRUE(works(3));
  EXPECT_TRUE(eventually([&] { return !is_there(1); })) << "though the sweeper is at work";
  stop();
  EXPECT_EQ(removals(), std::vector<std::size_t>{1});
}

}  // namespace
}  // namespace solo::testing
