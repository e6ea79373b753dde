// Another language with nothing but the schemas: the Python examples as they are shipped.
#include <array>

#include "producers/kafka_client.h"
#include "tests/integration/other_systems/other_systems.h"

namespace solo::testing {
namespace {

class PythonExamples : public OtherSystems {
 protected:
  Finished python(const std::string& script, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"/usr/bin/python3", SOLO_EXAMPLES_DIR "/python/" + script,
                                  "--kafka",          broker().bootstrap(),
                                  "--cluster",        cluster_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    // Nothing is left beside the scripts.
    return run(std::move(argv), {"PYTHONDONTWRITEBYTECODE=1"});
  }
};

TEST_F(PythonExamples, DeployAServiceByItsEventAndSeeItStart) {
  start();
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    const std::string tenant = tenant_in(partition);
    const auto deployed = python("deploy.py", {"--tenant", tenant, "web", "/bin/sleep", "1000000"});
    EXPECT_EQ(deployed.code, 0) << deployed.out << deployed.err << daemon_.log();
    EXPECT_EQ(deployed.out.rfind(std::to_string(partition) + ":", 0), 0U)
        << "its client's partitioner is Solo's: " << deployed.out;
    EXPECT_NE(deployed.out.find("ServiceStarted"), std::string::npos) << deployed.out;
  }
  EXPECT_EQ(daemon_.processes().size(), static_cast<std::size_t>(kPartitions));
  const auto status = json({"status", "web", "--tenant", tenant_in(1)});
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(json({"view", "dead-letters", "--all-tenants"})["letters"].size(), 0U);
}

TEST_F(PythonExamples, TellWhyAServiceDidNotStart) {
  start();
  const auto failed = python("deploy.py", {"--tenant", "acme", "web", "/no/such/program"});
  EXPECT_EQ(failed.code, 1) << failed.out << failed.err;
  EXPECT_NE(failed.err.find("/no/such/program"), std::string::npos) << failed.err;
}

TEST(PythonOnAnyBroker, PublishesNothingIntoATopicThatIsNoLog) {
  // Where a topic comes into being when somebody asks for it.
  KafkaBroker broker({.version = {}, .sasl_ssl = false, .settings = {"auto.create.topics.enable=true"}});
  const auto deploy = [&](const std::string& cluster) {
    return run({"/usr/bin/python3", SOLO_EXAMPLES_DIR "/python/deploy.py", "--kafka", broker.bootstrap(), "--cluster",
                cluster, "--tenant", "acme", "web", "/bin/true"},
               {"PYTHONDONTWRITEBYTECODE=1"});
  };
  const auto missing = deploy("typo");
  EXPECT_EQ(missing.code, 1) << missing.out << missing.err;
  EXPECT_NE(missing.err.find("no topic typo.events"), std::string::npos) << missing.err;
  KafkaOutsider outsider({{"bootstrap.servers", broker.bootstrap()}});
  outsider.put("other.events", 0, std::string("acme"), "no genesis");
  const auto other = deploy("other");
  EXPECT_EQ(other.code, 1) << other.out << other.err;
  EXPECT_NE(other.err.find("no Solo log"), std::string::npos) << other.err;
  EXPECT_EQ(outsider.put("other.events", 0, std::string("acme"), "next"), 1) << "something else was written";
  const auto created = run({SOLO_PATH, "topic", "create", "--kafka", broker.bootstrap(), "--cluster", "typo"});
  EXPECT_EQ(created.code, 0) << created.out << created.err;
}

/// As a transaction's end leaves it.
void put_markers(const std::string& bootstrap, const std::string& topic) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 256> words{};
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), words.data(), words.size());
  rd_kafka_conf_set(conf, "transactional.id", topic.c_str(), words.data(), words.size());
  const producers::KafkaHandle client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size()));
  const auto expect_good = [](rd_kafka_error_t* error) {
    EXPECT_EQ(error, nullptr) << rd_kafka_error_string(error);
    if (error != nullptr) rd_kafka_error_destroy(error);
  };
  expect_good(rd_kafka_init_transactions(client.get(), 60'000));
  expect_good(rd_kafka_begin_transaction(client.get()));
  std::string value = "in a transaction";
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    EXPECT_EQ(rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("acme", 4),
                                RD_KAFKA_V_VALUE(value.data(), value.size()), RD_KAFKA_V_END),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  expect_good(rd_kafka_commit_transaction(client.get(), 60'000));
}

TEST_F(PythonExamples, FollowTheLogPastTheMarkersOfTransactions) {
  start();
  put_markers(broker().bootstrap(), topic());
  const auto table = python("follow.py", {"--once"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(table.out.find(" 6 bytes"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("16 bytes"), std::string::npos) << table.out;
}

TEST_F(PythonExamples, FollowTheLogAndPassOverWhatIsNoEvent) {
  start();
  const std::string tenant = tenant_in(1);
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web", v1::Wait::done, tenant))));
  KafkaOutsider outsider({{"bootstrap.servers", broker().bootstrap()}});
  outsider.put(topic(), 1, tenant, "complete and utter garbage");
  outsider.put(topic(), 1, tenant, std::string("\xff\xff\xff\x7fSOEV\xff\xff\xff\xff", 12));
  outsider.put(topic(), 1, nullptr, "");

  const std::size_t before = log_read().size();
  const auto table = python("follow.py", {"--once"});
  const std::size_t after = log_read().size();
  EXPECT_EQ(table.code, 0) << table.err;
  const auto count = [&](const std::string& words) {
    std::size_t found = 0;
    for (auto at = table.out.find(words); at != std::string::npos; at = table.out.find(words, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("SystemInitialized"), static_cast<std::size_t>(kPartitions)) << table.out;
  EXPECT_EQ(count("RuntimeClaimed"), static_cast<std::size_t>(kPartitions)) << table.out;
  EXPECT_EQ(count(tenant + "/web"), 2U) << table.out;
  EXPECT_EQ(count("ServiceStarted"), 1U) << table.out;
  EXPECT_EQ(count("no event"), 3U) << table.out;
  // As many lines as there are records, by Solo's own count; the daemon may write of its own (a verification's report)
  // before, while and after the log is followed.
  EXPECT_GE(count("\n"), before) << table.out;
  EXPECT_LE(count("\n"), after) << table.out;
}

}  // namespace
}  // namespace solo::testing
