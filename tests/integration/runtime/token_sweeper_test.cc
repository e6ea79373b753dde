#include "consumers/token_sweeper.h"

#include <gtest/gtest.h>

#include <atomic>

#include "consumers/memory_reader.h"
#include "consumers/projector.h"
#include "producers/memory_log.h"
#include "schemas/codec.h"
#include "tests/integration/runtime/processes.h"
#include "tests/support/tokens.h"

namespace solo::consumers::testing {
namespace {

using solo::testing::command_event;
using solo::testing::test_token;

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000;

class MovedClock final : public producers::Clock {
 public:
  std::int64_t wall_us() const override { return system_.wall_us() + moved_us; }
  std::chrono::steady_clock::time_point now() const override {
    return system_.now() + std::chrono::microseconds(moved_us.load());
  }
  std::atomic<std::int64_t> moved_us{0};

 private:
  producers::SystemClock system_;
};

class TokenSweeping : public ProcessTest {
 protected:
  TokenSweeping() : log_(std::make_shared<producers::MemoryStorage>(1), clock_) {
    projections::ViewOptions options;
    options.directory = path("views");
    options.log_uuid = log_.genesis().log_uuid;
    views_ = std::move(*projections::Views::open(options, nullptr));
    projector_ = std::make_unique<Projector>(
        *views_,
        [this](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<EventReader>> {
          return std::make_unique<MemoryReader>(log_, partition, from);
        },
        [](std::int32_t, const schemas::Error& error) { ADD_FAILURE() << error.message; });
    publisher_ = std::make_unique<ObservationPublisher>(
        log_, clock_,
        PublisherOptions{.node = schemas::NodeName::trusted("node-1"), .run = "run-a", .outbox = path("outbox")});
    EXPECT_TRUE(projector_->start());
    v1::RuntimeClaimedT claimed;
    claimed.node = "node-1";
    claimed.run = "run-a";
    v1::EventT claim;
    claim.tenant = "system";
    claim.payload.Set(std::move(claimed));
    publisher_->publish_to(0, std::move(claim));
  }

  void grant(std::uint64_t number, std::uint64_t ttl_ms, const std::string& tenant) {
    v1::CapabilityGrantedT granted;
    granted.hash = test_token(number).hex;
    granted.permissions = {v1::Permission::read};
    granted.ttl_ms = ttl_ms;
    v1::PayloadUnion payload;
    payload.Set(std::move(granted));
    v1::EventT event = command_event(tenant, "g-" + std::to_string(number), std::move(payload));
    event.time = clock_.wall_us();
    log_.put(0, tenant, schemas::encode(event));
  }
  bool has(std::uint64_t number) const { return views_->partition(0).token(test_token(number).accessor)->has_value(); }

  MovedClock clock_;
  producers::MemoryLog log_;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<ObservationPublisher> publisher_;
};

TEST_F(TokenSweeping, WhatExpiredMoreThanADayAgoGoesInEventsOfAtMostAThousand) {
  constexpr std::uint64_t kExpired = 1'500;
  for (std::uint64_t number = 1; number <= kExpired; ++number)
    grant(number, 1'000, number % 10 == 0 ? "globex" : "acme");
  grant(5'000, 12 * 3'600'000, "acme");
  grant(5'001, 100ULL * 24 * 3'600'000, "acme");
  ASSERT_TRUE(eventually([&] { return has(5'001); }));
  std::atomic<bool> owner{false};
  const TokenSweeper sweeper(*views_, *publisher_, clock_, [&] { return owner.load(); },
                             {.interval = std::chrono::milliseconds(5)});
  clock_.moved_us += kDay + kDay / 4;
  owner = true;
  ASSERT_TRUE(eventually([&] {
    const auto left = views_->partition(0).expired_tokens(clock_.wall_us() - kDay, 10);
    return left && left->empty();
  }));
  EXPECT_FALSE(has(1));
  EXPECT_FALSE(has(kExpired));
  EXPECT_TRUE(has(5'000)) << "it expired less than a day ago";
  EXPECT_TRUE(has(5'001));
  std::size_t removed = 0;
  for (const auto& record : log_.records()) {
    const auto event = schemas::decode_event(record.value);
    const auto* payload = event ? event->payload.AsCapabilitiesRemoved() : nullptr;
    if (payload == nullptr) continue;
    EXPECT_LE(payload->hashes.size(), 1'000U);
    EXPECT_EQ(event->source, "/nodes/node-1");
    removed += payload->hashes.size();
  }
  EXPECT_EQ(removed, kExpired) << "each once";
}

}  // namespace
}  // namespace solo::consumers::testing
