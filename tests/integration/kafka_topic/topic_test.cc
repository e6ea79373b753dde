// solo topic create and check, against a real broker.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "producers/genesis.h"
#include "producers/kafka_inspector.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/kafka_outsider.h"

namespace solo::testing {
namespace {

using producers::KafkaInspector;
using Json = nlohmann::json;
using std::chrono::seconds;

/// Each test has a topic of its own on the broker they share.
class Topic : public ::testing::Test {
 protected:
  Finished solo(std::vector<std::string> arguments, std::vector<std::string> environment = {}) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    arguments.insert(arguments.end(), {"--kafka", broker_.bootstrap(), "--cluster", cluster_});
    return run(std::move(arguments), std::move(environment));
  }
  Json json(std::vector<std::string> arguments, ExitCode expected) const {
    arguments.emplace_back("--json");
    const Finished finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, expected) << finished.out << finished.err;
    return Json::parse(finished.out, nullptr, false);
  }
  /// As somebody else would make it.
  void make(std::int32_t partitions, const std::map<std::string, std::string>& settings) const {
    producers::KafkaOptions options;
    options.bootstrap = broker_.bootstrap();
    options.cluster = cluster_;
    auto inspector = KafkaInspector::start(options);
    ASSERT_TRUE(inspector.has_value());
    const auto made = (*inspector)->create(partitions, 1, settings, seconds(20));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    // Not every answer knows of it at once.
    ASSERT_TRUE(eventually([&] { return (*inspector)->bounds(partitions - 1, seconds(5)).has_value(); }));
  }
  void put_genesis(std::int32_t partition, std::int32_t partitions, const std::string& uuid) const {
    producers::Genesis genesis;
    genesis.log_uuid = uuid;
    genesis.partitions = partitions;
    put(partition, producers::encode_genesis(genesis, partition, 1));
  }
  void put(std::int32_t partition, const std::string& value) const {
    KafkaOutsider outsider({{"bootstrap.servers", broker_.bootstrap()}});
    outsider.put(cluster_ + ".events", partition, std::string("system"), value);
  }

  KafkaBroker& broker_ = KafkaBroker::shared();
  static int next_;
  std::string cluster_ = "t" + std::to_string(next_++);
};

int Topic::next_ = 0;

std::vector<std::string> settings_at_fault(const Json& checked) {
  std::vector<std::string> names;
  for (const auto& fault : checked["faults"]) names.push_back(fault["setting"]);
  return names;
}

using Names = std::vector<std::string>;

TEST_F(Topic, IsMadeFitForALogAndMakingItAgainChangesNothing) {
  const Json made = json({"topic", "create", "--partitions", "3"}, 0);
  EXPECT_EQ(made["partitions"], 3);
  EXPECT_EQ(made["existed"], false);
  const Json again = json({"topic", "create"}, 0);
  EXPECT_EQ(again["log"], made["log"]);
  EXPECT_EQ(again["existed"], true);
  const Json checked = json({"topic", "check"}, 0);
  EXPECT_EQ(checked["fit"], true);
  EXPECT_EQ(checked["log"], made["log"]);
  EXPECT_EQ(checked["partitions"], 3);
}

TEST_F(Topic, LeftHalfMadeIsFinishedUnderTheNameItsFirstPartitionHas) {
  make(3, {{"retention.ms", "-1"}});
  put_genesis(0, 3, "11111111-2222-3333-4444-555555555555");
  const Json unfinished = json({"topic", "check"}, 1);
  EXPECT_EQ(settings_at_fault(unfinished), Names{"genesis"});
  EXPECT_NE(unfinished["faults"][0]["mend"].get<std::string>().find("solo topic create"), std::string::npos);
  const Json made = json({"topic", "create"}, 0);
  EXPECT_EQ(made["log"], "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(json({"topic", "check"}, 0)["fit"], true);
}

TEST_F(Topic, ThatWouldLoseEventsIsRefusedWithEachSettingAndHowToMendIt) {
  make(1, {{"retention.ms", "60000"},
           {"retention.bytes", "1000000"},
           {"cleanup.policy", "compact,delete"},
           {"unclean.leader.election.enable", "true"},
           {"min.insync.replicas", "2"}});
  put_genesis(0, 1, "11111111-2222-3333-4444-555555555555");
  const Json checked = json({"topic", "check"}, 1);
  EXPECT_EQ(settings_at_fault(checked), (Names{"unclean.leader.election.enable", "cleanup.policy", "retention.ms",
                                               "retention.bytes", "min.insync.replicas"}));
  for (const auto& fault : checked["faults"]) {
    const std::string mend = fault["mend"];
    EXPECT_NE(mend.find(fault["setting"].get<std::string>() + "=" + fault["wanted"].get<std::string>()),
              std::string::npos);
  }
  const Finished text = solo({"topic", "check"});
  EXPECT_EQ(text.code, 1);
  EXPECT_NE(text.out.find("WRONG: retention.ms is 60000, it must be -1"), std::string::npos) << text.out;
  EXPECT_EQ(solo({"topic", "create"}).code, 1);
}

TEST_F(Topic, ThatTurnsFullBatchesAwayIsRefusedWithHowToMendIt) {
  make(1, {{"retention.ms", "-1"}, {"max.message.bytes", "4000"}});
  put_genesis(0, 1, "11111111-2222-3333-4444-555555555555");
  const Json checked = json({"topic", "check"}, 1);
  EXPECT_EQ(settings_at_fault(checked), Names{"max.message.bytes"});
  EXPECT_NE(checked["faults"][0]["mend"].get<std::string>().find("max.message.bytes=1048588"), std::string::npos);
}

TEST_F(Topic, OfManyPartitionsIsMadeAtTheFirstRun) {
  EXPECT_EQ(json({"topic", "create", "--partitions", "100"}, 0)["partitions"], 100);
  EXPECT_EQ(json({"topic", "check"}, 0)["fit"], true);
}

TEST_F(Topic, OfAnotherPurposeIsLeftAlone) {
  make(1, {{"retention.ms", "-1"}});
  put(0, "somebody else's record");
  EXPECT_EQ(settings_at_fault(json({"topic", "check"}, 1)), Names{"genesis"});
  const Json refused = json({"topic", "create"}, 1);
  EXPECT_EQ(refused["error"]["code"], "failed_precondition");
  EXPECT_NE(refused["error"]["message"].get<std::string>().find("not a Solo log"), std::string::npos);
}

TEST_F(Topic, OfOtherPartitionsThanItWasMadeWithIsRefused) {
  make(2, {{"retention.ms", "-1"}});
  put_genesis(0, 1, "11111111-2222-3333-4444-555555555555");
  put_genesis(1, 1, "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(settings_at_fault(json({"topic", "check"}, 1)), Names{"genesis"});
  EXPECT_EQ(solo({"topic", "create", "--partitions", "1"}).code, 1);
}

TEST_F(Topic, MixedFromTwoLogsIsRefused) {
  make(2, {{"retention.ms", "-1"}});
  put_genesis(0, 2, "11111111-2222-3333-4444-555555555555");
  put_genesis(1, 2, "99999999-2222-3333-4444-555555555555");
  EXPECT_EQ(settings_at_fault(json({"topic", "check"}, 1)), Names{"genesis"});
  EXPECT_EQ(solo({"topic", "create"}).code, 1);
}

TEST_F(Topic, ThatIsNotThereIsNotFound) { EXPECT_EQ(json({"topic", "check"}, 1)["error"]["code"], "not_found"); }

TEST_F(Topic, OnAReplicationThatNoClusterHasIsRefused) {
  EXPECT_EQ(json({"topic", "create", "--replication", "3"}, 1)["error"]["code"], "failed_precondition");
}

TEST_F(Topic, WronglyAskedForIsAUsageError) {
  EXPECT_EQ(solo({"topic", "create", "--partitions", "0"}).code, 2);
  EXPECT_EQ(solo({"topic", "create", "--min-insync", "2"}).code, 2);
  EXPECT_EQ(solo({"topic", "create", "--property", "acks=1"}).code, 2);
  EXPECT_NE(solo({"topic", "check", "--property", "client.id=env:SOLO_NO_SUCH_VARIABLE"}).code, 0);
  const Finished secret = solo({"topic", "check", "--property", "no.such.password=hunter2"});
  EXPECT_EQ(secret.code, 2);
  EXPECT_EQ(secret.err.find("hunter2"), std::string::npos) << secret.err;
  EXPECT_EQ(run({SOLO_PATH, "topic", "check"}, {"SOLO_LOG_KAFKA_BOOTSTRAP="}).code, 2);
}

TEST_F(Topic, OfABrokerThatIsNotThereIsUnreachable) {
  const Finished finished = run({SOLO_PATH, "--json", "topic", "check", "--kafka", "127.0.0.1:1"});
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(Json::parse(finished.out, nullptr, false)["error"]["code"], "unavailable");
}

TEST_F(Topic, IsReachedOverTlsWithAPassword) {
  KafkaBroker secured({.version = {}, .sasl_ssl = true, .settings = {}});
  TempDir directory;
  const auto file = directory.path() / "client.properties";
  const auto password = directory.path() / "password";
  {
    std::ofstream out(file);
    for (const auto& [name, value] : secured.client_properties()) {
      if (name == "bootstrap.servers") continue;
      // Secrets are elsewhere, as for solod.
      if (name == "sasl.password") std::ofstream(password) << value << '\n';
      const bool secret = name == "sasl.password";
      out << name << '='
          << (secret                    ? "file:" + password.string()
              : name == "sasl.username" ? "env:USER_X"
                                        : value)
          << '\n';
    }
  }
  const std::vector<std::string> environment{"USER_X=" + secured.client_properties().at("sasl.username")};
  const std::vector<std::string> create{SOLO_PATH, "topic", "create", "--kafka", secured.bootstrap()};
  auto with_file = create;
  with_file.insert(with_file.end(), {"--properties", file.string()});
  const Finished done = run(with_file, environment);
  EXPECT_EQ(done.code, 0) << done.err;
  auto wrong = with_file;
  wrong.insert(wrong.end(), {"--property", "sasl.password=hunter2", "--json"});
  const Finished refused = run(wrong, environment);
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.out.find("Authentication failed"), std::string::npos) << refused.out;
  EXPECT_EQ((refused.out + refused.err).find("hunter2"), std::string::npos) << refused.out;
  const Finished shut_out = run({SOLO_PATH, "--json", "topic", "check", "--kafka", secured.bootstrap(), "--properties",
                                 file.string(), "--property", "sasl.password=hunter2"},
                                environment);
  EXPECT_EQ(shut_out.code, 3) << shut_out.out;
  EXPECT_NE(shut_out.out.find("Authentication failed"), std::string::npos) << shut_out.out;
}

}  // namespace
}  // namespace solo::testing
