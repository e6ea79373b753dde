// An outsider's transactions: the log neither waits for them nor trips over their markers.
#include <future>

#include "consumers/kafka_reader.h"
#include "producers/kafka_client.h"
#include "producers/kafka_log.h"
#include "tests/integration/kafka/kafka_daemon.h"

namespace solo::testing {
namespace {

using producers::KafkaHandle;

void expect_good(rd_kafka_error_t* error) {
  EXPECT_EQ(error, nullptr) << rd_kafka_error_string(error);
  if (error != nullptr) rd_kafka_error_destroy(error);
}

KafkaHandle outsider() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 256> words{};
  rd_kafka_conf_set(conf, "bootstrap.servers", KafkaBroker::shared().bootstrap().c_str(), words.data(), words.size());
  rd_kafka_conf_set(conf, "transactional.id", "outsider", words.data(), words.size());
  return KafkaHandle(rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size()));
}

void publish(rd_kafka_t* client, const std::string& value) {
  const auto sent = rd_kafka_producev(client, RD_KAFKA_V_TOPIC("transactions.events"), RD_KAFKA_V_PARTITION(0),
                                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("acme", 4),
                                      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
  EXPECT_EQ(sent, RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(rd_kafka_flush(client, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

std::vector<std::string> read(consumers::EventReader& reader, std::size_t count) {
  std::vector<std::string> values;
  eventually([&] {
    const auto records = reader.read({}, milliseconds(100));
    if (!records) ADD_FAILURE() << records.error().message;
    if (records) {
      for (const auto& record : *records) values.push_back(record.value);
    }
    return values.size() >= count;
  });
  return values;
}

TEST(KafkaTransactions, OneThatIsOpenStallsNobodyAndItsMarkersArePassed) {
  producers::KafkaOptions options;
  options.bootstrap = KafkaBroker::shared().bootstrap();
  options.cluster = "transactions";
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  auto log = producers::KafkaLog::open(options, clock, entropy, producers::NewKafkaTopic{});
  ASSERT_TRUE(log) << log.error().message;
  auto reader = consumers::KafkaReader::open(**log, 0, 1);
  ASSERT_TRUE(reader);

  const auto client = outsider();
  expect_good(rd_kafka_init_transactions(client.get(), 60'000));
  expect_good(rd_kafka_begin_transaction(client.get()));
  publish(client.get(), "open");
  EXPECT_EQ(read(**reader, 1), std::vector<std::string>{"open"});

  std::promise<producers::AppendResult> promise;
  (*log)->commands().append("acme", "ours", [&](producers::AppendResult result) { promise.set_value(result); });
  EXPECT_TRUE(std::holds_alternative<producers::Durable>(promise.get_future().get()));
  EXPECT_EQ(read(**reader, 1), std::vector<std::string>{"ours"});

  // Offset 3 is the marker, and nothing comes behind it.
  expect_good(rd_kafka_abort_transaction(client.get(), 20'000));
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE((*reader)->read({}, milliseconds(100)));
    return (*reader)->next_offset() == 4;
  })) << (*reader)->next_offset();
  EXPECT_TRUE(eventually([&] { return (*log)->bounds(0)->end == 4; }));
}

TEST(KafkaTransactions, ADaemonIsReadyBehindAMarker) {
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "transactions"));
  EXPECT_TRUE(daemon.start()) << daemon.log();
  EXPECT_TRUE(is_ok(call(daemon, sleeper("1", "web")))) << daemon.log();
}

}  // namespace
}  // namespace solo::testing
