// What becomes of a daemon when its broker dies, freezes, comes back with less, or with another topic.
#include <signal.h>

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "producers/kafka_client.h"
#include "tests/integration/kafka/kafka_daemon.h"

namespace solo::testing {
namespace {

class BrokerTrouble : public ::testing::Test {
 protected:
  void start(std::vector<std::string> more = {}) {
    daemon_.set_arguments(kafka_arguments(broker_, "solo", std::move(more)));
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
  }

  /// Asks by the same id until it is ok; how long that took.
  milliseconds until_ok(const v1::RequestT& request) {
    const auto began = std::chrono::steady_clock::now();
    std::optional<v1::ReplyT> last;
    EXPECT_TRUE(eventually([&] { return is_ok(last = call(daemon_, request)); }, seconds(30)))
        << words_of(last) << daemon_.log();
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  }

  std::uint64_t generation_of(const std::string& service) {
    const auto reply = call(daemon_, status_request("acme", service));
    const auto* status = is_ok(reply) ? reply->body.AsServiceStatus() : nullptr;
    return status == nullptr ? 0 : status->generation;
  }

  /// Reads answer from the views, at once, whatever the broker does.
  void expect_reads() {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(generation_of("web"), 1u);
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(1));
  }

  KafkaBroker broker_;
  Daemon daemon_;
};

TEST_F(BrokerTrouble, KilledMidProduceLosesNothingAcknowledgedAndDoesNothingTwice) {
  start();
  constexpr int kClients = 4;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::map<std::string, bool> acknowledged;  // by service: the first answer was ok
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      auto connection = daemon_.client();
      for (int number = 0; !stopping; ++number) {
        const auto name = "s" + std::to_string(client) + "-" + std::to_string(number);
        auto request = deploy_request("d-" + name, "acme", name, exec_spec({"/bin/true"}), v1::Wait::applied);
        request.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
        const auto reply = connection->call(request, seconds(40));
        const std::lock_guard lock(mutex);
        acknowledged[name] = reply && reply->ok;
        if (!acknowledged[name]) pause_briefly();
      }
    });
  }
  std::this_thread::sleep_for(milliseconds(700));
  broker_.kill9();
  std::this_thread::sleep_for(milliseconds(1500));
  broker_.start();
  std::this_thread::sleep_for(milliseconds(1500));
  stopping = true;
  for (auto& client : clients) client.join();

  std::size_t good = 0;
  for (const auto& [name, was_acknowledged] : acknowledged) {
    good += was_acknowledged ? 1 : 0;
    // Unknown or refused: asked again by the same id.
    auto again = deploy_request("d-" + name, "acme", name, exec_spec({"/bin/true"}), v1::Wait::applied);
    again.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
    if (!was_acknowledged) until_ok(again);
  }
  // A tenant's deployments are counted: each has its number, and no number was used twice or for nothing.
  std::set<std::uint64_t> generations;
  for (const auto& [name, was_acknowledged] : acknowledged) generations.insert(generation_of(name));
  EXPECT_EQ(generations.size(), acknowledged.size());
  EXPECT_EQ(*generations.begin(), 1u);
  EXPECT_EQ(*generations.rbegin(), acknowledged.size());
  std::cout << good << " of " << acknowledged.size() << " commands acknowledged at once\n";
  EXPECT_GT(good, 20u);
  EXPECT_LT(good, acknowledged.size());
}

TEST_F(BrokerTrouble, FrozenPastTheDeliveryTimeoutLeavesReadsAndTellsTheTruthAboutWrites) {
  start();
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web"))));
  broker_.freeze();
  const auto began = std::chrono::steady_clock::now();
  const auto sent = call(daemon_, sleeper("2", "late", v1::Wait::applied));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(6));
  ASSERT_TRUE(sent && !sent->ok);
  // It was on its way when the broker froze: unknown, to be asked again by the same id.
  EXPECT_EQ(code_of(sent), v1::ErrorCode::deadline_exceeded) << words_of(sent);
  EXPECT_EQ(sent->position, "");
  EXPECT_EQ(sent->id, "2");
  expect_reads();
  // By now the daemon knows: nothing is even sent.
  const auto refused = call(daemon_, sleeper("3", "never", v1::Wait::applied));
  EXPECT_EQ(code_of(refused), v1::ErrorCode::unavailable) << words_of(refused);
  broker_.thaw();
  std::cout << "resumed after " << until_ok(sleeper("2", "late", v1::Wait::applied)).count() << " ms\n";
  EXPECT_EQ(generation_of("late"), 2u);
  EXPECT_EQ(generation_of("never"), 0u);
}

TEST_F(BrokerTrouble, DownAtTheStartIsWaitedForAsLongAsConfigured) {
  broker_.kill9();
  daemon_.set_arguments(kafka_arguments(broker_, "solo", {"--log-kafka-start-timeout-ms", "500"}));
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(20)), 1);
  EXPECT_NE(daemon_.log().find("did not answer within 500 ms"), std::string::npos) << daemon_.log();

  daemon_.set_arguments(kafka_arguments(broker_, "solo"));
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return daemon_.log().find("waiting for Kafka at") != std::string::npos; }));
  broker_.start();
  EXPECT_TRUE(daemon_.wait_until_ok()) << daemon_.log();
}

TEST_F(BrokerTrouble, DownForAWhileRefusesWritesKeepsWhatTheRuntimeSawAndResumesByItself) {
  start();
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web"))));
  broker_.kill9();
  EXPECT_TRUE(eventually([&] {
    const auto reply = call(daemon_, sleeper("refused", "never", v1::Wait::applied));
    return code_of(reply) == v1::ErrorCode::unavailable;
  })) << daemon_.log();
  expect_reads();
  // Three ends and starts that cannot be written now.
  for (int end = 0; end < 3; ++end) {
    const auto before = daemon_.processes();
    ASSERT_EQ(before.size(), 1u);
    kill(before.front().pid, SIGKILL);
    ASSERT_TRUE(eventually([&] {
      const auto now = daemon_.processes();
      return now.size() == 1 && now.front().pid != before.front().pid;
    })) << daemon_.log();
  }
  broker_.start();
  const auto resumed = until_ok(sleeper("2", "worker", v1::Wait::applied));
  std::cout << "resumed after " << resumed.count() << " ms\n";
  EXPECT_LT(resumed, seconds(3));
  EXPECT_TRUE(eventually([&] {
    const auto reply = call(daemon_, status_request("acme", "web"));
    const auto* status = is_ok(reply) ? reply->body.AsServiceStatus() : nullptr;
    return status != nullptr && status->restarts == 3 && status->state == v1::ServiceState::running;
  })) << daemon_.log();
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

TEST_F(BrokerTrouble, DownAtTheStopLeavesObservationsInTheOutboxForTheNextStart) {
  start({"--shutdown-deadline-ms", "12000"});
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web"))));
  broker_.kill9();
  EXPECT_EQ(daemon_.stop(), 1);
  EXPECT_TRUE(std::filesystem::exists(daemon_.state() / "outbox")) << daemon_.log();
  EXPECT_NE(daemon_.log().find("kept in the outbox"), std::string::npos) << daemon_.log();
  broker_.start();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(daemon_.state() / "outbox"); })) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 1; }));
  EXPECT_EQ(generation_of("web"), 1u);
}

TEST_F(BrokerTrouble, ALostTailIsRefusedWhileRunningAndAtTheStart) {
  start();
  for (int number = 0; number < 20; ++number) {
    const auto name = "s" + std::to_string(number);
    ASSERT_TRUE(is_ok(call(daemon_, sleeper(name, name, v1::Wait::applied))));
  }
  broker_.kill9();
  const auto segment = broker_.data() / "solo.events-0" / "00000000000000000000.log";
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) / 2);
  broker_.start();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1) << daemon_.log();
  // The reader or the monitor is the first to see it.
  const bool named = daemon_.log().find("records are gone") != std::string::npos ||
                     daemon_.log().find("has no offset") != std::string::npos;
  EXPECT_TRUE(named) << daemon_.log();
  EXPECT_NE(daemon_.log().find("restore the topic"), std::string::npos) << daemon_.log();
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1) << daemon_.log();
  EXPECT_NE(daemon_.log().find("but the log ends at"), std::string::npos) << daemon_.log();
}

TEST_F(BrokerTrouble, ATopicDeletedAndMadeAnewIsRefusedWhileRunningAndAtTheStart) {
  start();
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web"))));
  producers::KafkaOptions options;
  options.bootstrap = broker_.bootstrap();
  const auto client = producers::make_kafka_client(options, producers::KafkaRole::inspector);
  ASSERT_TRUE(client);
  const producers::KafkaQueue queue(rd_kafka_queue_new(client->get()));
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new("solo.events");
  rd_kafka_DeleteTopics(client->get(), &topic, 1, nullptr, queue.get());
  const producers::KafkaEvent deleted(rd_kafka_queue_poll(queue.get(), 20'000));
  rd_kafka_DeleteTopic_destroy(topic);
  ASSERT_NE(deleted, nullptr);
  Daemon other(kafka_arguments(broker_, "solo", {"--node-name", "other"}));
  ASSERT_TRUE(other.start()) << other.log();

  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1) << daemon_.log();
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1) << daemon_.log();
  EXPECT_NE(daemon_.log().find("bring back the log they were built from"), std::string::npos) << daemon_.log();
}

}  // namespace
}  // namespace solo::testing
