// solod with its log in Kafka, while the broker is well.
#include <fstream>
#include <map>
#include <set>

#include "producers/kafka_inspector.h"
#include "schemas/partitioning.h"
#include "tests/integration/kafka/kafka_daemon.h"

namespace solo::testing {
namespace {

std::string partitioned_tenant(std::int32_t partition) {
  for (int number = 0;; ++number) {
    auto tenant = "tenant-" + std::to_string(number);
    if (schemas::partition_of(tenant, 3) == partition) return tenant;
  }
}

TEST(KafkaDaemon, ServicesOfEveryPartitionComeBackAfterTheDaemonAndTheyWereKilled) {
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "partitions", {"--log-kafka-partitions", "3"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  std::set<std::string> positions;
  for (std::int32_t partition = 0; partition < 3; ++partition) {
    const auto tenant = partitioned_tenant(partition);
    const auto reply = call(daemon, sleeper("d-" + tenant, "web", v1::Wait::done, tenant));
    ASSERT_TRUE(is_ok(reply)) << words_of(reply) << daemon.log();
    EXPECT_EQ(reply->position.substr(0, 2), std::to_string(partition) + ":");
  }
  EXPECT_EQ(daemon.processes().size(), 3u);
  const auto doomed = partitioned_tenant(1);
  ASSERT_TRUE(is_ok(call(daemon, kill_request("k-1", doomed, "web"))));
  daemon.kill9();
  while (daemon.kill_services() > 0) pause_briefly();
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_TRUE(eventually([&] { return daemon.processes().size() == 2; })) << daemon.log();
  for (const auto& process : daemon.processes()) EXPECT_NE(process.tenant, doomed);
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

TEST(KafkaDaemon, TheSecondOnATopicIsAGatewayOnlyAndTakesOverWhenTold) {
  auto arguments = kafka_arguments(KafkaBroker::shared(), "two", {"--node-name", "first"});
  Daemon first(arguments);
  ASSERT_TRUE(first.start()) << first.log();
  ASSERT_TRUE(is_ok(call(first, sleeper("1", "web"))));

  arguments.back() = "second";
  Daemon second(arguments);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_TRUE(eventually([&] { return second.log().find("answers commands only") != std::string::npos; }))
      << second.log();
  EXPECT_TRUE(second.processes().empty());
  // Its commands are carried out by the first.
  const auto through_second = call(second, sleeper("2", "worker"));
  EXPECT_TRUE(is_ok(through_second)) << words_of(through_second) << first.log();
  EXPECT_EQ(first.processes().size(), 2u);
  EXPECT_EQ(second.stop(), 0) << second.log();

  arguments.emplace_back("--take-over");
  second.set_arguments(arguments);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_TRUE(eventually([&] { return first.processes().empty() && second.processes().size() == 2; }))
      << first.log() << second.log();
  const auto through_first = call(first, kill_request("3", "acme", "web"));
  EXPECT_TRUE(is_ok(through_first)) << words_of(through_first);
  EXPECT_TRUE(eventually([&] { return second.processes().size() == 1; }));
}

class BadTopic : public ::testing::Test {
 protected:
  void make(const std::string& cluster, const std::map<std::string, std::string>& settings) {
    producers::KafkaOptions options;
    options.bootstrap = KafkaBroker::shared().bootstrap();
    options.cluster = cluster;
    auto inspector = producers::KafkaInspector::start(options);
    ASSERT_TRUE(inspector);
    const auto made = (*inspector)->create(1, 1, settings, seconds(10));
    ASSERT_TRUE(made) << made.error().message;
  }

  void expect_refusal(const std::string& cluster, const std::string& create, const std::string& words) {
    Daemon daemon(
        {"--kafka", KafkaBroker::shared().bootstrap(), "--log-cluster", cluster, "--log-kafka-create", create});
    daemon.launch();
    const auto ended = daemon.child().wait(seconds(30));
    EXPECT_EQ(ended, 1) << daemon.log();
    EXPECT_NE(daemon.log().find(words), std::string::npos) << daemon.log();
  }
};

TEST_F(BadTopic, OfFiniteRetentionIsRefusedWithTheSettingThatWouldLoseEvents) {
  make("finite", {{"retention.ms", "86400000"}});
  expect_refusal("finite", "true", "retention.ms=86400000");
}

TEST_F(BadTopic, ThatIsCompactedIsRefused) {
  make("compacted", {{"cleanup.policy", "compact"}});
  expect_refusal("compacted", "true", "cleanup.policy=compact");
}

TEST_F(BadTopic, ThatIsEmptyIsUnfinished) {
  make("empty", {{"retention.ms", "-1"}});
  expect_refusal("empty", "false", "unfinished");
}

TEST_F(BadTopic, ThatIsMissingIsNamed) { expect_refusal("missing", "false", "no topic missing.events"); }

TEST(KafkaDaemon, NoSecretIsPrinted) {
  const auto printed = run({SOLOD_PATH, "--kafka", "127.0.0.1:1", "--log-kafka-properties",
                            "sasl.username=solo sasl.password=verysecret", "--print-config"});
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_NE(printed.out.find("sasl.username"), std::string::npos);
  EXPECT_EQ((printed.out + printed.err).find("verysecret"), std::string::npos) << printed.out << printed.err;
}

TEST(KafkaDaemon, SpeaksTlsWithAPasswordFromAFile) {
  KafkaBroker::Options options;
  options.sasl_ssl = true;
  const KafkaBroker broker(options);
  const TempDir directory;
  auto properties = broker.client_properties();
  std::ofstream(directory.path() / "password") << properties["sasl.password"] << "\n";
  const std::string secret = properties["sasl.password"];
  properties["sasl.password"] = "file:" + (directory.path() / "password").string();
  properties.erase("bootstrap.servers");
  std::string words;
  for (const auto& [name, value] : properties) words += name + "=" + value + " ";
  Daemon daemon(kafka_arguments(broker, "secure", {"--log-kafka-properties", words, "--logging-level", "debug"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_TRUE(is_ok(call(daemon, sleeper("1", "web"))));
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
  EXPECT_EQ(daemon.log().find(secret), std::string::npos);
}

}  // namespace
}  // namespace solo::testing
