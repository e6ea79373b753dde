// A topic that is deleted and made anew at once, under a daemon that is writing to it: the new one begins with its
// genesis.
#include "producers/genesis.h"
#include "producers/kafka_client.h"
#include "tests/integration/kafka_trouble/trouble.h"

namespace solo::testing {
namespace {

void delete_topic(const KafkaBroker& broker, const std::string& name) {
  producers::KafkaOptions options;
  options.bootstrap = broker.bootstrap();
  const auto client = producers::make_kafka_client(options, producers::KafkaRole::inspector);
  ASSERT_TRUE(client);
  const producers::KafkaQueue queue(rd_kafka_queue_new(client->get()));
  auto* topic = rd_kafka_DeleteTopic_new(name.c_str());
  rd_kafka_DeleteTopics(client->get(), &topic, 1, nullptr, queue.get());
  const producers::KafkaEvent answer(rd_kafka_queue_poll(queue.get(), 30'000));
  rd_kafka_DeleteTopic_destroy(topic);
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(rd_kafka_event_error(answer.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
}

class RemadeTopic : public BrokerTrouble {
 protected:
  /// Six clients that deploy, all the time, until this ends.
  class Load {
   public:
    explicit Load(const Daemon& daemon) {
      for (int client = 0; client < 6; ++client) {
        threads_.emplace_back([this, &daemon, client] { run(daemon, client); });
      }
    }
    ~Load() {
      stopping_ = true;
      for (auto& thread : threads_) thread.join();
    }
    int done() const { return done_; }

   private:
    void run(const Daemon& daemon, int number) {
      const auto client = daemon.client();
      for (int order = 0; !stopping_; ++order) {
        const auto name = "s" + std::to_string(number) + "-" + std::to_string(order);
        auto request = deploy_request(name, "acme", name, exec_spec({"/bin/true"}), v1::Wait::accepted);
        request.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
        // Refused, or not answered: that is what happens to a topic here.
        const auto reply = client->call(std::move(request), seconds(2));
        if (reply && reply->ok) ++done_;
        if (!reply || !reply->ok) pause_briefly();
      }
    }

    std::atomic<bool> stopping_ = false;
    std::atomic<int> done_ = 0;
    std::vector<std::thread> threads_;
  };
};

// Whoever makes the topic again within milliseconds may be quicker than a producer hears of it: that cannot be ruled
// out without topic ids, but it is rare, and said.
TEST_F(RemadeTopic, BeginsWithItsGenesisAndNotWithWhatWasOnItsWayOrSaysThatItDoesNot) {
  int clean = 0;
  for (int round = 0; round < 5; ++round) {
    const auto cluster = "remade" + std::to_string(round);
    Daemon daemon(kafka_arguments(broker_, cluster, {}, milliseconds(5000)));
    ASSERT_TRUE(daemon.start()) << daemon.log();
    const Load load(daemon);
    ASSERT_TRUE(eventually([&] { return load.done() >= 60; })) << daemon.log();
    delete_topic(broker_, cluster + ".events");
    const auto made = run({SOLO_PATH, "topic", "create", "--kafka", broker_.bootstrap(), "--cluster", cluster});
    EXPECT_EQ(daemon.child().wait(seconds(60)), 1) << daemon.log();
    if (made.code != 0) {
      EXPECT_NE(made.err.find("delete the topic, and run solo topic create again"), std::string::npos) << made.err;
      continue;
    }
    ++clean;
    const auto inspector = inspect(cluster);
    const auto records = inspector->read(0, 0, 1, seconds(10));
    ASSERT_TRUE(records && !records->empty());
    EXPECT_TRUE(producers::decode_genesis(records->front().value)) << "round " << round;
  }
  EXPECT_GE(clean, 3);
}

}  // namespace
}  // namespace solo::testing
