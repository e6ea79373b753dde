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
  second.use_token_of(first);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_FALSE(std::filesystem::exists(second.state() / "root.token")) << "the log has a root token";
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
    const auto made = (*inspector)->create(1, 1, settings, seconds(30));
    ASSERT_TRUE(made) << made.error().message;
    // Not every answer knows of it at once.
    ASSERT_TRUE(eventually([&] { return (*inspector)->bounds(0, seconds(5)).has_value(); }));
  }

  void expect_refusal(const std::string& cluster, const std::string& create, const std::string& words) {
    Daemon daemon(
        {"--kafka", KafkaBroker::shared().bootstrap(), "--log-cluster", cluster, "--log-kafka-create", create});
    daemon.launch();
    const auto ended = daemon.child().wait(seconds(60));
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

/// A broker that wants TLS and a password, and the settings for it with the password taken out.
class SecuredDaemon : public ::testing::Test {
 protected:
  SecuredDaemon() : broker_({.version = {}, .sasl_ssl = true, .settings = {}}) {
    auto properties = broker_.client_properties();
    secret_ = properties.extract("sasl.password").mapped();
    properties.erase("bootstrap.servers");
    for (const auto& [name, value] : properties) settings_ += name + "=" + value + " ";
  }

  void expect_secret(const std::string& password, const std::vector<std::string>& environment) {
    const std::string kind = password.substr(0, 3);
    Daemon daemon(kafka_arguments(broker_, "secure-" + kind,
                                  {"--log-kafka-properties", settings_ + "sasl.password=" + password, "--logging-level",
                                   "debug", "--node-name", "one"}));
    daemon.set_environment(environment);
    ASSERT_TRUE(daemon.start()) << daemon.log();
    EXPECT_TRUE(is_ok(call(daemon, sleeper("1", "web-" + kind))));
    std::string printed;
    for (const auto& command : {std::vector<std::string>{"health"}, {"list"}, {"recovery", "report"}, {"version"}}) {
      std::vector<std::string> argv{SOLO_PATH};
      argv.insert(argv.end(), command.begin(), command.end());
      argv.insert(argv.end(), {"--json"});
      const auto shown = run(argv, {"SOLO_STATE_DIR=" + daemon.state().string(), "SOLO_TENANT=acme"});
      EXPECT_EQ(shown.code, 0) << shown.out;
      printed += shown.out + shown.err;
    }
    EXPECT_EQ(daemon.stop(), 0) << daemon.log();
    EXPECT_EQ(daemon.log().find(secret_), std::string::npos);
    EXPECT_EQ(printed.find(secret_), std::string::npos);
  }

  const KafkaBroker broker_;
  std::string secret_;
  std::string settings_;
};

TEST_F(SecuredDaemon, SpeaksTlsWithAPasswordFromAFileOrTheEnvironmentWhichIsPrintedNowhere) {
  const TempDir directory;
  const auto file = directory.path() / "password";
  std::ofstream(file) << secret_ << "\n";
  expect_secret("file:" + file.string(), {});
  expect_secret("env:KAFKA_PASSWORD", {"KAFKA_PASSWORD=" + secret_});

  // A wrong one is told as what it is, and not printed either.
  Daemon refused(kafka_arguments(broker_, "secure",
                                 {"--log-kafka-properties", settings_ + "sasl.password=env:KAFKA_PASSWORD",
                                  "--log-kafka-start-timeout-ms", "10000", "--logging-level", "debug"}));
  refused.set_environment({"KAFKA_PASSWORD=wrong-and-secret"});
  refused.launch();
  EXPECT_EQ(refused.child().wait(seconds(60)), 1) << refused.log();
  EXPECT_EQ(refused.log().find("wrong-and-secret"), std::string::npos) << refused.log();
  EXPECT_NE(refused.log().find("uthentication"), std::string::npos) << refused.log();
}

}  // namespace
}  // namespace solo::testing
