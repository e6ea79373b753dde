// Which of librdkafka's settings are left to the operator.
#include <gtest/gtest.h>

#include "producers/kafka_options.h"

namespace solo::producers {
namespace {

TEST(KafkaSettings, ThatThePromisesRestOnAreRefused) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"acks", "1"},
                                                                      {"allow.auto.create.topics", "true"},
                                                                      {"delivery.report.only.error", "true"},
                                                                      {"enable.gapless.guarantee", "true"},
                                                                      {"enable.partition.eof", "false"},
                                                                      {"enabled_events", "0"},
                                                                      {"log.queue", "true"},
                                                                      {"max.in.flight", "6"},
                                                                      {"message.max.bytes", "4000"},
                                                                      {"queuing.strategy", "lifo"},
                                                                      {"test.mock.num.brokers", "3"},
                                                                      {"topic.blacklist", ".*"},
                                                                      {"transactional.id", "mine"}}) {
    const auto checked = check_kafka_property(name, value);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, schemas::ErrorCode::invalid_argument);
    EXPECT_NE(checked.error().message.find(name + " is Solo's own"), std::string::npos) << checked.error().message;
  }
}

TEST(KafkaSettings, OfFunctionsAreRefused) {
  for (const char* name : {"dr_cb", "dr_msg_cb", "error_cb", "log_cb", "opaque", "consume_cb"}) {
    EXPECT_FALSE(check_kafka_property(name, "1")) << name;
  }
}

TEST(KafkaSettings, OfABatchThatNotEveryTopicTakesAreRefused) {
  EXPECT_TRUE(check_kafka_property("batch.size", "1000000"));
  EXPECT_FALSE(check_kafka_property("batch.size", "1000001"));
}

TEST(KafkaSettings, OfConnectionsAndSpeedAreTheOperators) {
  EXPECT_TRUE(check_kafka_property("security.protocol", "ssl"));
  EXPECT_TRUE(check_kafka_property("compression.type", "lz4"));
  EXPECT_TRUE(check_kafka_property("client.rack", "here"));
}

}  // namespace
}  // namespace solo::producers
