// Settings of the topic that lose events, made while a daemon writes to it.
#include "producers/kafka_client.h"
#include "tests/integration/kafka_trouble/trouble.h"

namespace solo::testing {
namespace {

class Settings : public BrokerTrouble {
 protected:
  /// All others become the broker's own.
  void set(const producers::KafkaSettings& settings) {
    producers::KafkaOptions options;
    options.bootstrap = broker_.bootstrap();
    const auto client = producers::make_kafka_client(options, producers::KafkaRole::inspector);
    ASSERT_TRUE(client);
    const producers::KafkaQueue queue(rd_kafka_queue_new(client->get()));
    auto* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, "solo.events");
    for (const auto& [name, value] : settings)
      rd_kafka_ConfigResource_set_config(resource, name.c_str(), value.c_str());
    rd_kafka_AlterConfigs(client->get(), &resource, 1, nullptr, queue.get());
    const producers::KafkaEvent answer(rd_kafka_queue_poll(queue.get(), 30'000));
    rd_kafka_ConfigResource_destroy(resource);
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(rd_kafka_event_error(answer.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  v1::HealthReportT health() {
    v1::RequestT request;
    request.body.Set(v1::HealthT());
    const auto reply = call(daemon_, std::move(request));
    const auto* report = is_ok(reply) ? reply->body.AsHealthReport() : nullptr;
    EXPECT_NE(report, nullptr) << words_of(reply);
    return report != nullptr ? *report : v1::HealthReportT();
  }
};

TEST_F(Settings, ThatLoseEventsStopWritesAloneUntilTheyAreMended) {
  start();
  until_ok(sleeper("1", "web"));
  const auto before = daemon_.processes();
  ASSERT_EQ(before.size(), 1u);
  int orders = 0;
  for (const auto& [name, value] : producers::KafkaSettings{{"retention.ms", "1000"}, {"cleanup.policy", "compact"}}) {
    producers::KafkaSettings wrong{{"retention.ms", "-1"}, {"retention.bytes", "-1"}};
    wrong[name] = value;
    set(wrong);
    EXPECT_TRUE(eventually([&] { return health().status == v1::HealthStatus::degraded; }, seconds(60)))
        << daemon_.log();
    const auto order = "wrong" + std::to_string(++orders);
    const auto refused = call(daemon_, sleeper(order, order, v1::Wait::applied));
    EXPECT_EQ(code_of(refused), v1::ErrorCode::failed_precondition) << words_of(refused);
    EXPECT_NE(words_of(refused).find(name + "=" + value), std::string::npos) << words_of(refused);
    ASSERT_TRUE(refused && refused->error);
    EXPECT_NE(refused->error->hint.find("kafka-configs.sh --alter --topic solo.events"), std::string::npos);
    const auto report = health();
    EXPECT_EQ(report.status, v1::HealthStatus::degraded) << report.detail;
    EXPECT_NE(report.detail.find(name), std::string::npos) << report.detail;
    expect_reads();
    EXPECT_TRUE(daemon_.is_alive(before.front()));
    set({{"retention.ms", "-1"}, {"retention.bytes", "-1"}});
    until_ok(sleeper("right" + order, "right" + order, v1::Wait::applied));
    EXPECT_TRUE(eventually([&] { return health().status == v1::HealthStatus::ok; })) << health().detail;
  }
  EXPECT_TRUE(says("it has retention.ms=1000")) << daemon_.log();
}

}  // namespace
}  // namespace solo::testing
