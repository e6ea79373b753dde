// A topic that is no longer the log it was: cut, made anew, filled again, given other partitions. It is refused, and
// the way on without what is lost is told and works.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "producers/kafka_client.h"
#include "schemas/codec.h"
#include "tests/integration/kafka_trouble/trouble.h"

namespace solo::testing {
namespace {

using Json = nlohmann::json;

class LostLog : public BrokerTrouble {
 protected:
  void deploy(int first, int count) {
    for (int number = first; number < first + count; ++number) {
      const auto name = "s" + std::to_string(number);
      until_ok(sleeper(name, name, v1::Wait::applied));
    }
  }

  /// Of what the daemon says from now on.
  void expect_refusal(const std::string& words, const std::string& or_words = "\n\n") {
    EXPECT_EQ(daemon_.child().wait(seconds(60)), 1) << daemon_.log();
    EXPECT_TRUE(says(words) || says(or_words)) << daemon_.log();
    EXPECT_TRUE(says("restore the")) << daemon_.log();
    EXPECT_TRUE(says("solo view rebuild --accept-lost-tail")) << daemon_.log();
  }

  /// Starts it and waits for the position it names as the first that is lost.
  std::string refused_from() {
    const auto before = daemon_.log().size();
    daemon_.launch();
    EXPECT_EQ(daemon_.child().wait(seconds(60)), 1) << daemon_.log();
    const std::string said = daemon_.log().substr(before);
    const std::string option = "--accept-lost-tail ";
    const auto at = said.find(option);
    if (at == std::string::npos) {
      ADD_FAILURE() << said;
      return "";
    }
    const auto begin = at + option.size();
    return said.substr(begin, said.find_first_of(" \n", begin) - begin);
  }

  Finished rebuild(std::vector<std::string> options) const {
    options.insert(options.begin(), {SOLO_PATH, "view", "rebuild", "--state-dir", daemon_.state().string(), "--json"});
    return run(std::move(options));
  }

  std::vector<v1::LostTailAcceptedT> acceptances() {
    std::vector<v1::LostTailAcceptedT> found;
    for (const auto& record : records()) {
      const auto event = schemas::decode_event(record.value);
      if (event && event->payload.AsLostTailAccepted() != nullptr) {
        found.push_back(*event->payload.AsLostTailAccepted());
      }
    }
    return found;
  }

  void cut_in_half() {
    const auto segment = broker_.data() / "solo.events-0" / "00000000000000000000.log";
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) / 2);
  }

  template <class Request, auto Destroy, class Send>
  void ask_broker(Request* request, Send send) {
    producers::KafkaOptions options;
    options.bootstrap = broker_.bootstrap();
    const auto client = producers::make_kafka_client(options, producers::KafkaRole::inspector);
    ASSERT_TRUE(client);
    const producers::KafkaQueue queue(rd_kafka_queue_new(client->get()));
    send(client->get(), &request, queue.get());
    const producers::KafkaEvent answer(rd_kafka_queue_poll(queue.get(), 30'000));
    Destroy(request);
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(rd_kafka_event_error(answer.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  void delete_topic() {
    ask_broker<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>(
        rd_kafka_DeleteTopic_new("solo.events"), [](rd_kafka_t* client, auto** topic, rd_kafka_queue_t* queue) {
          rd_kafka_DeleteTopics(client, topic, 1, nullptr, queue);
        });
  }

  void add_partitions(std::size_t count) {
    ask_broker<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>(
        rd_kafka_NewPartitions_new("solo.events", count, nullptr, 0),
        [](rd_kafka_t* client, auto** partitions, rd_kafka_queue_t* queue) {
          rd_kafka_CreatePartitions(client, partitions, 1, nullptr, queue);
        });
  }

  /// The same genesis and the first records, and then others past where it had ended.
  void regrow(std::size_t keep) {
    const auto before = records();
    delete_topic();
    auto inspector = inspect();
    ASSERT_TRUE(eventually(
        [&] {
          return inspector->create(1, 1, {{"retention.ms", "-1"}}, seconds(10)).has_value();
        },
        seconds(60)));
    ASSERT_TRUE(eventually([&] { return inspector->bounds(0, seconds(5)).has_value(); }));
    KafkaOutsider outsider({{"bootstrap.servers", broker_.bootstrap()}});
    for (std::size_t at = 0; at < before.size() + 10; ++at) {
      const auto& record = before[std::min(at, keep - 1)];
      outsider.put("solo.events", 0, record.key, record.value);
    }
  }
};

TEST_F(LostLog, ALostTailIsRefusedWhileRunningAndAtTheStartAndGivenUpOnlyByWhoNamesIt) {
  start();
  deploy(0, 20);
  broker_.kill9();
  cut_in_half();
  broker_.start();
  expect_refusal("records are gone");
  const auto end = records().size();
  const std::string from = "0:" + std::to_string(end);
  EXPECT_EQ(refused_from(), from);

  // A rebuild alone hides nothing.
  EXPECT_EQ(rebuild({}).code, 0);
  EXPECT_EQ(refused_from(), from);
  const auto wrong = rebuild({"--accept-lost-tail", "0:" + std::to_string(end + 1)});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_NE(Json::parse(wrong.out)["error"]["message"].get<std::string>().find("it is " + from), std::string::npos)
      << wrong.out;
  EXPECT_EQ(refused_from(), from);
  const auto accepted = rebuild({"--accept-lost-tail", from});
  EXPECT_EQ(accepted.code, 0) << accepted.out;
  EXPECT_EQ(Json::parse(accepted.out)["given_up"]["from"], from);

  ASSERT_TRUE(daemon_.start(seconds(60))) << daemon_.log();
  EXPECT_EQ(generation_of("s0"), 1u);
  EXPECT_EQ(generation_of("s19"), 0u);
  // What ran of it is stopped, and the name is free.
  EXPECT_TRUE(eventually([&] {
    for (const auto& process : daemon_.processes()) {
      if (process.service == "s19") return false;
    }
    return true;
  })) << daemon_.log();
  until_ok(sleeper("again", "s19"));
  EXPECT_EQ(rebuild({}).code, 1) << "a daemon is running";
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  const auto said = acceptances();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said.front().from, from);
  EXPECT_NE(said.front().until, from);
}

TEST_F(LostLog, ATailThatCameBackIsNotGivenUp) {
  start();
  deploy(0, 10);
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  // Not in order: after an orderly stop a broker believes in its files as they are.
  broker_.kill9();
  const auto topic = broker_.data() / "solo.events-0";
  const auto kept = broker_.data().parent_path() / "kept";
  std::filesystem::copy(topic, kept);
  cut_in_half();
  broker_.start();
  const auto from = refused_from();
  EXPECT_EQ(rebuild({"--accept-lost-tail", from}).code, 0);
  broker_.kill9();
  std::filesystem::remove_all(topic);
  std::filesystem::rename(kept, topic);
  broker_.start();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  EXPECT_TRUE(says("nothing is lost any more")) << daemon_.log();
  EXPECT_EQ(generation_of("s9"), 10u);
  EXPECT_TRUE(acceptances().empty());
}

TEST_F(LostLog, ATopicDeletedAndMadeAnewIsRefusedWhileRunningAndAtTheStartAndCanBeGoneOnWith) {
  start();
  until_ok(sleeper("1", "web"));
  delete_topic();
  // Of a topic that is gone nobody knows yet whether it comes back.
  // A command each time: one that the topic still took would be answered as taken from then on.
  int attempt = 0;
  EXPECT_TRUE(eventually([&] {
    const auto name = "late" + std::to_string(++attempt);
    return code_of(call(daemon_, sleeper(name, name, v1::Wait::applied))) == v1::ErrorCode::unavailable;
  })) << daemon_.log();
  std::cout << attempt << " commands until the topic was known to be gone\n";
  EXPECT_TRUE(eventually([&] { return says("topic solo.events is gone from Kafka"); })) << daemon_.log();
  expect_reads();
  // Makes it anew, with a root token of its own.
  Daemon other(kafka_arguments(broker_, "solo", {"--node-name", "other"}));
  ASSERT_TRUE(other.start()) << other.log();
  EXPECT_EQ(other.stop(), 0) << other.log();
  // It depends on when it looks whether it meets the new genesis or, before that, nothing.
  expect_refusal("is log", "records are gone");
  EXPECT_EQ(refused_from(), "0:0");
  EXPECT_TRUE(says("and this is log")) << daemon_.log();
  EXPECT_EQ(rebuild({"--accept-lost-tail", "0:0"}).code, 0);
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  daemon_.use_token_of(other);
  EXPECT_EQ(generation_of("web"), 0u);
  until_ok(sleeper("1", "web"));
  EXPECT_EQ(generation_of("web"), 1u);
  const auto said = acceptances();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said.front().from, "0:0");
}

TEST_F(LostLog, ATopicThatGrewAgainPastItsOldEndIsRefusedAtTheStart) {
  start();
  deploy(0, 5);
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  regrow(6);
  EXPECT_EQ(refused_from(), "0:6");
  EXPECT_EQ(rebuild({"--accept-lost-tail", "0:6"}).code, 0);
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  EXPECT_EQ(acceptances().size(), 1u);
}

TEST_F(LostLog, ATopicThatGrewAgainWhileTheDaemonWasSuspendedIsRefusedAndNothingOfItApplied) {
  start();
  deploy(0, 5);
  const auto suspended = std::chrono::steady_clock::now();
  daemon_.child().freeze();
  const auto before = records().size();
  regrow(6);
  // Shorter than this, it would look before its second heartbeat is due.
  ASSERT_TRUE(eventually([&] { return since(suspended) > seconds(4); }));
  daemon_.child().thaw();
  expect_refusal("is not the record");
  // Its views still end where the log did.
  EXPECT_EQ(refused_from(), "0:6");
  const auto lost = Json::parse(read_file(daemon_.state() / "lost-tail"));
  EXPECT_LE(lost["until"].get<std::string>(), "0:" + std::to_string(before));
}

TEST_F(LostLog, OtherPartitionsAreRefusedWhileRunningAndAtTheStartAndByTopicCheck) {
  start();
  until_ok(sleeper("1", "web"));
  add_partitions(2);
  EXPECT_EQ(daemon_.child().wait(seconds(60)), 1) << daemon_.log();
  EXPECT_TRUE(says("has 2 partitions and was made with 1")) << daemon_.log();
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(60)), 1) << daemon_.log();
  const auto checked = run({SOLO_PATH, "topic", "check", "--kafka", broker_.bootstrap()});
  EXPECT_EQ(checked.code, 1);
  // Making it fit would spoil it: what is there is left alone.
  EXPECT_EQ(run({SOLO_PATH, "topic", "create", "--kafka", broker_.bootstrap()}).code, 1);
  EXPECT_TRUE(records(1).empty());
  EXPECT_NE(checked.out.find("a log's partition count never changes"), std::string::npos) << checked.out;
}

}  // namespace
}  // namespace solo::testing
