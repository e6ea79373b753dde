// The publisher library against a real broker: what it says became of an event is what became of it.
#include "producers/publisher.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "producers/kafka_client.h"
#include "producers/kafka_inspector.h"
#include "tests/integration/other_systems/other_systems.h"

namespace solo::testing {
namespace {

using publisher::Deploy;
using publisher::Error;
using publisher::ErrorCode;
using publisher::Event;
using publisher::Kill;
using publisher::Outcome;
using publisher::Published;
using publisher::Publisher;

Event event_of(std::string tenant, std::string service, std::string id = publisher::new_id()) {
  Event event;
  event.id = std::move(id);
  event.source = "https://example.org/publisher_test";
  event.tenant = std::move(tenant);
  event.service = std::move(service);
  Deploy deploy;
  deploy.spec.argv = {"/bin/sleep", "1000000"};
  deploy.spec.env = {{"GREETING", "hello"}};
  event.order = deploy;
  return event;
}

publisher::Options options_for(const KafkaBroker& broker, const std::string& cluster,
                               milliseconds delivery_timeout = seconds(20)) {
  publisher::Options options;
  options.bootstrap = broker.bootstrap();
  options.cluster = cluster;
  options.delivery_timeout = delivery_timeout;
  return options;
}

std::unique_ptr<Publisher> open(const publisher::Options& options) {
  Error why_not;
  auto opened = Publisher::open(options, why_not);
  EXPECT_NE(opened, nullptr) << why_not.message;
  return opened;
}

Error refusal_to_open(const publisher::Options& options) {
  Error why_not;
  EXPECT_EQ(Publisher::open(options, why_not), nullptr);
  return why_not;
}

class PublisherLibrary : public OtherSystems {
 protected:
  std::unique_ptr<producers::KafkaInspector> inspector(const std::string& cluster) const {
    producers::KafkaOptions options;
    options.bootstrap = broker().bootstrap();
    options.cluster = cluster;
    return std::move(*producers::KafkaInspector::start(options));
  }
  std::int64_t end_of(const std::string& cluster, std::int32_t partition) const {
    const auto bounds = inspector(cluster)->bounds(partition, seconds(10));
    EXPECT_TRUE(bounds);
    return bounds ? bounds->end : -1;
  }
  std::map<std::string, std::string> headers_at(publisher::Position position) const {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker().bootstrap().c_str(), nullptr, 0);
    const producers::KafkaHandle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0));
    const producers::KafkaTopicHandle handle(rd_kafka_topic_new(client.get(), topic().c_str(), nullptr));
    std::map<std::string, std::string> found;
    EXPECT_EQ(rd_kafka_consume_start(handle.get(), position.partition, position.offset), 0);
    const producers::KafkaMessage message(rd_kafka_consume(handle.get(), position.partition, 10'000));
    rd_kafka_consume_stop(handle.get(), position.partition);
    rd_kafka_headers_t* headers = nullptr;
    if (message == nullptr || rd_kafka_message_headers(message.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return found;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t at = 0; rd_kafka_header_get_all(headers, at, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++at) {
      found[name] = std::string(static_cast<const char*>(value), size);
    }
    return found;
  }
};

TEST_F(PublisherLibrary, DeploysAndKillsAndTheRuntimeDoesIt) {
  start();
  const auto library = open(options_for(broker(), cluster_));
  ASSERT_NE(library, nullptr);
  EXPECT_EQ(library->partitions(), kPartitions);
  const std::string tenant = tenant_in(2);
  Event event = event_of(tenant, "web");
  const Published ended = library->publish(event);
  ASSERT_EQ(ended.outcome, Outcome::durable) << ended.error.message;
  EXPECT_EQ(ended.position.partition, 2);
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 1; })) << daemon_.log();
  EXPECT_EQ(daemon_.processes().front().tenant, tenant);

  const auto headers = headers_at(ended.position);
  EXPECT_EQ(headers.at("ce_id"), event.id);
  EXPECT_EQ(headers.at("ce_source"), event.source);
  EXPECT_EQ(headers.at("ce_type"), "solo.v1.ServiceDeployed");
  EXPECT_EQ(headers.at("ce_subject"), tenant + "/web");
  const auto shown = log_read({std::to_string(ended.position.offset) + ":+1", "--partition", "2"});
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]["position"], to_string(ended.position));
  EXPECT_EQ(shown[0]["event"]["payload"]["spec"]["env"][0]["value"], "hello");
  EXPECT_EQ(library->log_uuid(), json({"health"})["log"]["uuid"]);

  // The same again stands in the log and changes nothing.
  ASSERT_EQ(library->publish(event).outcome, Outcome::durable);
  event.id = publisher::new_id();
  event.order = Kill{};
  ASSERT_EQ(library->publish(event).outcome, Outcome::durable);
  EXPECT_TRUE(eventually([&] { return daemon_.processes().empty(); })) << daemon_.log();
  const auto letters = json({"view", "dead-letters", "--tenant", tenant})["letters"];
  ASSERT_EQ(letters.size(), 1U) << letters.dump(1);
  EXPECT_NE(letters[0]["message"].get<std::string>().find("repeats"), std::string::npos);
}

TEST_F(PublisherLibrary, RefusesWhatApplyWouldRefuseForItsFormAndWritesNothing) {
  start();
  const auto library = open(options_for(broker(), cluster_));
  ASSERT_NE(library, nullptr);
  const std::string tenant = tenant_in(0);
  const auto before = end_of(cluster_, 0);
  const auto expect = [&](ErrorCode code, const std::string& words, const std::function<void(Event&)>& spoil) {
    Event event = event_of(tenant, "web");
    spoil(event);
    const Error said = publisher::check(event);
    EXPECT_EQ(said.code, code) << words << ": " << said.message;
    EXPECT_NE(said.message.find(words), std::string::npos) << said.message;
    const Published ended = library->publish(event);
    EXPECT_EQ(ended.outcome, Outcome::refused) << words;
    EXPECT_EQ(ended.error.message, said.message);
  };
  const auto deploy = [](Event& event) -> Deploy& { return std::get<Deploy>(event.order); };
  expect(ErrorCode::invalid_argument, "tenant", [](Event& event) { event.tenant = "No_Name"; });
  expect(ErrorCode::invalid_argument, "service", [](Event& event) { event.service = ""; });
  expect(ErrorCode::permission_denied, "system", [](Event& event) { event.tenant = "system"; });
  expect(ErrorCode::invalid_argument, "an id has", [](Event& event) { event.id = ""; });
  expect(ErrorCode::invalid_argument, "a source has", [](Event& event) { event.source = std::string(2000, 's'); });
  expect(ErrorCode::invalid_argument, "Solo's own", [&](Event& event) { event.source = "/commands/" + tenant; });
  expect(ErrorCode::invalid_argument, "Solo's own", [](Event& event) { event.source = "/nodes/here"; });
  expect(ErrorCode::invalid_argument, "UTF-8", [](Event& event) { event.correlation = "\xff"; });
  expect(ErrorCode::invalid_argument, "program", [&](Event& event) { deploy(event).spec.argv.clear(); });
  expect(ErrorCode::invalid_argument, "SOLO_X", [&](Event& event) { deploy(event).spec.env = {{"SOLO_X", "1"}}; });
  expect(ErrorCode::invalid_argument, "longer", [&](Event& event) {
    deploy(event).spec.format = publisher::Format::script;
    deploy(event).spec.code = "#!/bin/sh\n" + std::string(900 * 1024, '#');
  });
  EXPECT_EQ(publisher::check(event_of(tenant, "web")).code, ErrorCode::ok);
  EXPECT_TRUE(library->flush(seconds(5)));
  EXPECT_EQ(end_of(cluster_, 0), before);
}

TEST_F(PublisherLibrary, KeepsATenantsOrderAndTellsOfEachEventOnce) {
  start();
  constexpr int kEvents = 600;
  const auto library = open(options_for(broker(), cluster_));
  ASSERT_NE(library, nullptr);
  std::mutex mutex;
  std::map<std::int32_t, std::vector<std::pair<std::int64_t, int>>> told;
  for (int number = 0; number < kEvents; ++number) {
    Event event = event_of(tenant_in(number % kPartitions), "web", "event-" + std::to_string(number));
    event.order = Kill{};
    library->publish(event, [&, number](const Published& ended) {
      const std::lock_guard lock(mutex);
      ASSERT_EQ(ended.outcome, Outcome::durable) << ended.error.message;
      told[ended.position.partition].emplace_back(ended.position.offset, number);
    });
  }
  ASSERT_TRUE(library->flush(seconds(20)));
  const std::lock_guard lock(mutex);
  ASSERT_EQ(told.size(), static_cast<std::size_t>(kPartitions));
  for (const auto& [partition, events] : told) {
    EXPECT_EQ(events.size(), static_cast<std::size_t>(kEvents / kPartitions));
    EXPECT_TRUE(std::is_sorted(events.begin(), events.end())) << partition;
    for (std::size_t at = 0; at < events.size(); ++at) {
      EXPECT_EQ(events[at].second % kPartitions, partition);
      if (at == 0) continue;
      EXPECT_GT(events[at].second, events[at - 1].second) << "published later, stands later";
    }
  }
}

TEST_F(PublisherLibrary, WritesNothingToATopicThatIsNoLog) {
  const auto make = [&](const std::string& cluster) {
    ASSERT_TRUE(inspector(cluster)->create(1, 1, {}, seconds(30)));
    ASSERT_TRUE(eventually([&] { return inspector(cluster)->bounds(0, seconds(2)).has_value(); }));
  };
  auto options = options_for(broker(), "no-such");
  EXPECT_EQ(refusal_to_open(options).code, ErrorCode::failed_precondition);

  options.cluster = "others-empty";
  make(options.cluster);
  const Error unfinished = refusal_to_open(options);
  EXPECT_EQ(unfinished.code, ErrorCode::failed_precondition);
  EXPECT_NE(unfinished.message.find("unfinished"), std::string::npos) << unfinished.message;
  EXPECT_EQ(end_of(options.cluster, 0), 0);

  options.cluster = "others-foreign";
  make(options.cluster);
  KafkaOutsider({{"bootstrap.servers", broker().bootstrap()}}).put("others-foreign.events", 0, "key", "value");
  const Error foreign = refusal_to_open(options);
  EXPECT_EQ(foreign.code, ErrorCode::failed_precondition);
  EXPECT_NE(foreign.message.find("not a Solo log"), std::string::npos) << foreign.message;
  EXPECT_EQ(end_of(options.cluster, 0), 1);

  options.properties = {{"acks", "0"}};
  EXPECT_EQ(refusal_to_open(options).code, ErrorCode::invalid_argument);
}

TEST_F(PublisherLibrary, SaysThatThereIsNoBrokerWithinTheTimeItWasGiven) {
  publisher::Options options;
  options.bootstrap = "127.0.0.1:1";
  options.open_timeout = milliseconds(500);
  const auto begun = std::chrono::steady_clock::now();
  const Error said = refusal_to_open(options);
  EXPECT_EQ(said.code, ErrorCode::unavailable);
  EXPECT_TRUE(said.retryable);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
}

// A broker of its own: it is frozen.
TEST(PublisherTrouble, WhatIsNotAnsweredIsNeverCalledRefusedIfItMayBeThereAndPublishedAgainItIsThereOnce) {
  KafkaBroker broker;
  Daemon daemon(kafka_arguments(broker, "frozen"));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const auto library = open(options_for(broker, "frozen", milliseconds(2000)));
  ASSERT_NE(library, nullptr);
  // A broker that is well may not take it in that time, either.
  const Event first = event_of("acme", "warm-up");
  ASSERT_TRUE(eventually([&] { return library->publish(first).outcome == Outcome::durable; }));

  broker.freeze();
  const Event event = event_of("acme", "web");
  const auto begun = std::chrono::steady_clock::now();
  const Published ended = library->publish(event);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
  EXPECT_NE(ended.outcome, Outcome::durable);
  EXPECT_FALSE(ended.error.message.empty());
  EXPECT_TRUE(ended.error.retryable);
  broker.thaw();

  Published again;
  ASSERT_TRUE(eventually(
      [&] {
        again = library->publish(event);
        return again.outcome == Outcome::durable;
      },
      seconds(30)))
      << again.error.message;
  EXPECT_TRUE(eventually([&] { return daemon.processes().size() == 2; })) << daemon.log();

  // A deadline bounds the end, too; what is published after it is refused.
  broker.freeze();
  std::vector<Outcome> late;
  library->publish(event_of("acme", "late"), [&](const Published& last) { late.push_back(last.outcome); });
  const auto closing = std::chrono::steady_clock::now();
  EXPECT_FALSE(library->close(milliseconds(200)));
  EXPECT_LT(std::chrono::steady_clock::now() - closing, seconds(10));
  ASSERT_EQ(late.size(), 1U) << "told by the time close() has returned";
  EXPECT_NE(late.front(), Outcome::durable);
  EXPECT_EQ(library->publish(event_of("acme", "after")).outcome, Outcome::refused);
  broker.thaw();
}

}  // namespace
}  // namespace solo::testing
