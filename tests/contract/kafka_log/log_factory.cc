// The suite of tests/contract/log over a real broker, which all of its tests share.
#include "tests/contract/log/log_factory.h"

#include <atomic>
#include <chrono>
#include <string>

#include "tests/contract/log/kafka_log_under_test.h"
#include "tests/support/kafka_broker.h"

namespace solo::testing {

std::vector<LogFactory> all_factories() {
  const auto kafka = [](std::int32_t partitions) {
    return [partitions] {
      static std::atomic<int> topics = 0;
      producers::KafkaOptions options;
      options.bootstrap = KafkaBroker::shared().bootstrap();
      options.cluster = "contract-" + std::to_string(++topics);
      // The broker is well, and may take its time.
      options.delivery_timeout = std::chrono::seconds(20);
      return std::make_unique<KafkaLogUnderTest>(std::move(options), partitions);
    };
  };
  return {{"Kafka", kafka(1), true}, {"KafkaThreePartitions", kafka(3), true}};
}

}  // namespace solo::testing
