// The same rounds with the log in a real Kafka broker, three partitions.
#include "tests/chaos/kill9/rounds.h"
#include "tests/support/kafka_broker.h"

namespace solo::testing {
namespace {

class Kill9OnKafka : public Kill9 {
 protected:
  Kill9OnKafka()
      : Kill9({"--kafka", KafkaBroker::shared().bootstrap(), "--log-kafka-create", "true", "--log-kafka-partitions",
               "3"}) {}
};

TEST_F(Kill9OnKafka, OfTheDaemonAndEveryServiceLosesNothingAcknowledged) {
  rounds(from_environment("SOLO_CHAOS_ROUNDS", 100), true);
}

}  // namespace
}  // namespace solo::testing
