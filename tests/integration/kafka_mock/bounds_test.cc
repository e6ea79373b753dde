// What the Kafka log knows of its own end while others write to it, too.
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "consumers/kafka_reader.h"
#include "producers/kafka_log.h"
#include "tests/support/mock_cluster.h"

namespace solo::testing {
namespace {

using producers::KafkaLog;
using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

TEST(KafkaBounds, HoldEverythingThatWasReadWhoeverWroteIt) {
  const MockCluster cluster{1};
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  const auto log = KafkaLog::open(cluster.options(), clock, entropy, producers::NewKafkaTopic{});
  ASSERT_TRUE(log) << log.error().message;
  const auto other = KafkaLog::open(cluster.options(), clock, entropy);
  ASSERT_TRUE(other) << other.error().message;
  const auto reader = consumers::KafkaReader::open(**log, 0, 1);
  ASSERT_TRUE(reader) << reader.error().message;
  // More often than the topic's end is asked for.
  for (int number = 0; number < 20; ++number) {
    std::promise<void> ended;
    (*other)->commands().append("acme", std::to_string(number), [&](const producers::AppendResult& result) {
      EXPECT_TRUE(std::holds_alternative<producers::Durable>(result));
      ended.set_value();
    });
    ended.get_future().wait();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while ((*reader)->next_offset() < number + 2 && std::chrono::steady_clock::now() < deadline) {
      ASSERT_TRUE((*reader)->read({}, 100ms));
    }
    ASSERT_EQ((*reader)->next_offset(), number + 2);
    EXPECT_GE((*log)->bounds(0)->end, (*reader)->next_offset());
  }
}

}  // namespace
}  // namespace solo::testing
