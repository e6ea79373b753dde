// When a producer that failed is replaced, and what is said of it.
#include "producers/kafka_renewal.h"

#include <gtest/gtest.h>

namespace solo::producers {
namespace {

using namespace std::chrono_literals;

const KafkaRenewal::Time kNow{100s};

TEST(KafkaRenewal, WaitsTwiceAsLongAfterEachFailureUpToABound) {
  KafkaRenewal renewal;
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10'000ms, 10'000ms}) {
    renewal.fail(kNow);
    EXPECT_FALSE(renewal.due(kNow + pause - 1ms));
    EXPECT_TRUE(renewal.due(kNow + pause));
  }
}

TEST(KafkaRenewal, WaitsShortlyAgainOnceSomethingWasDelivered) {
  KafkaRenewal renewal;
  for (int failure = 0; failure < 10; ++failure) renewal.fail(kNow);
  renewal.deliver();
  renewal.fail(kNow);
  EXPECT_TRUE(renewal.due(kNow + 100ms));
}

TEST(KafkaRenewal, SaysAReasonOnceUntilItChangesOrSomethingWasDelivered) {
  KafkaRenewal renewal;
  EXPECT_FALSE(renewal.deliver());
  EXPECT_TRUE(renewal.is_news(31));
  EXPECT_FALSE(renewal.is_news(31));
  EXPECT_TRUE(renewal.is_news(45));
  EXPECT_TRUE(renewal.is_news(31));
  EXPECT_TRUE(renewal.deliver());
  EXPECT_FALSE(renewal.deliver());
  EXPECT_TRUE(renewal.is_news(31));
}

}  // namespace
}  // namespace solo::producers
