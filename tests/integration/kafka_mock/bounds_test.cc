// What the Kafka log knows of its own end while others write to it, too.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

#include "consumers/kafka_reader.h"
#include "producers/kafka_inspector.h"
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

TEST(KafkaBounds, ThatANewLeaderDoesNotTellYetAreNoBrokerThatIsAway) {
  MockCluster cluster{1};
  const auto inspector = producers::KafkaInspector::start(cluster.options());
  ASSERT_TRUE(inspector) << inspector.error().message;
  const auto before = (*inspector)->all_bounds(1, 10s);
  ASSERT_TRUE(before) << before.error().message;
  constexpr std::int16_t kListOffsets = 2;
  cluster.answer_next(kListOffsets, std::vector(5, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE));
  const auto bounds = (*inspector)->all_bounds(1, 1s);
  ASSERT_FALSE(bounds);
  EXPECT_EQ(bounds.error().code, schemas::ErrorCode::unavailable);
  EXPECT_NE(bounds.error().message.find("min.insync.replicas"), std::string::npos) << bounds.error().message;
  EXPECT_NE(bounds.error().hint.find("the broker answers"), std::string::npos) << bounds.error().hint;
}

}  // namespace
}  // namespace solo::testing
