// Rights on the topic that are taken away and given back, and logins that the broker refuses: what is told, and that
// nothing ends or spins.
#include <nlohmann/json.hpp>

#include "tests/integration/kafka_trouble/trouble.h"
#include "tests/support/kafka_rights.h"

namespace solo::testing {
namespace {

using Right = KafkaRights::Right;

std::optional<v1::HealthReportT> health_of(const Daemon& daemon) {
  v1::RequestT request;
  request.body.Set(v1::HealthT());
  const auto reply = call(daemon, request);
  const auto* report = is_ok(reply) ? reply->body.AsHealthReport() : nullptr;
  return report != nullptr ? std::optional(*report) : std::nullopt;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class Rights : public BrokerTrouble {
 protected:
  Rights() : BrokerTrouble({.version = {}, .sasl_ssl = false, .settings = KafkaRights::broker_settings()}) {}

  bool is(v1::HealthStatus status, const std::string& words = "") {
    return eventually([&] {
      const auto report = health_of(daemon_);
      return report && report->status == status && report->detail.find(words) != std::string::npos;
    });
  }
  Finished topic_check() const { return run({SOLO_PATH, "topic", "check", "--json", "--kafka", broker_.bootstrap()}); }

  KafkaRights rights_{broker_.bootstrap()};
};

TEST_F(Rights, ToWriteTakenAwayRefuseCommandsAtOnceWithoutSpinningAndComeBackByThemselves) {
  start();
  until_ok(sleeper("1", "web"));
  rights_.take(Right::idempotent_write, "");
  rights_.take(Right::write, "*");
  ASSERT_TRUE(eventually([&] {
    return code_of(call(daemon_, sleeper("2", "never", v1::Wait::applied))) == v1::ErrorCode::permission_denied;
  })) << daemon_.log();
  EXPECT_TRUE(is(v1::HealthStatus::degraded, "authorization failed")) << daemon_.log();
  const auto lines = lines_in(daemon_.log());
  const auto began = std::chrono::steady_clock::now();
  auto quickest = milliseconds::max();
  for (int number = 0; since(began) < seconds(5); ++number) {
    const auto asked = std::chrono::steady_clock::now();
    const auto refused = call(daemon_, sleeper("3-" + std::to_string(number), "never", v1::Wait::applied));
    EXPECT_EQ(code_of(refused), v1::ErrorCode::permission_denied) << words_of(refused);
    EXPECT_NE(refused->error->hint.find("WRITE on topic solo.events"), std::string::npos) << refused->error->hint;
    quickest = std::min(quickest, since(asked));
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_LT(quickest, kDeliveryTimeout);
  EXPECT_LT(lines_in(daemon_.log()) - lines, 100U) << "it spins:\n" << daemon_.log();
  rights_.give_back(Right::write, "*");
  rights_.give_back(Right::idempotent_write, "");
  until_ok(sleeper("4", "worker"));
  // What asks is audited, and so the audit is written again, too.
  std::string detail;
  EXPECT_TRUE(eventually(
      [&] {
        EXPECT_NE(generation_of("worker"), 0U);
        const auto report = health_of(daemon_);
        detail = report ? report->detail : "no report";
        return report && report->status == v1::HealthStatus::ok;
      },
      seconds(60)))
      << detail << daemon_.log();
  EXPECT_EQ(generation_of("never"), 0U);
}

TEST_F(Rights, ToReadOrToSeeTheTopicTakenAwayAreWaitedForByARunningDaemon) {
  start();
  until_ok(sleeper("1", "web"));
  int number = 2;
  for (const auto right : {Right::read, Right::describe}) {
    rights_.take(right, "solo.events");
    // Somebody writes, so that there is something to read.
    EXPECT_TRUE(eventually([&] {
      call(daemon_, sleeper("x-" + std::to_string(number), "web", v1::Wait::accepted));
      ++number;
      const auto report = health_of(daemon_);
      return report && report->status == v1::HealthStatus::degraded &&
             report->detail.find("authorization failed") != std::string::npos;
    })) << daemon_.log();
    EXPECT_FALSE(daemon_.child().wait(seconds(3))) << daemon_.log();
    EXPECT_EQ(daemon_.processes().size(), 1U);
    rights_.give_back(right, "solo.events");
    EXPECT_TRUE(is(v1::HealthStatus::ok)) << daemon_.log();
    const std::string after = "after-" + std::to_string(number);
    until_ok(sleeper(after, after));
    EXPECT_EQ(daemon_.processes().size(), 2U);
    until_ok(kill_request("kill-" + after, "acme", after));
  }
}

TEST_F(Rights, ToReadThatAreMissingAtTheStartAreWaitedForWithinItsTimeout) {
  start();
  until_ok(sleeper("1", "web"));
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  rights_.take(Right::read, "solo.events");
  daemon_.set_arguments(arguments({"--log-kafka-start-timeout-ms", "500"}));
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1);
  daemon_.set_arguments(arguments());
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return says("waiting for Kafka at") && says("Topic authorization failed"); }));
  rights_.give_back(Right::read, "solo.events");
  EXPECT_TRUE(daemon_.wait_until_ok(seconds(60))) << daemon_.log();
}

TEST_F(Rights, ToSeeItsSettingsThatAreMissingLeaveATopicUnknownAndRefusedUnlessAskedForSo) {
  start();
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  rights_.take(Right::describe_configs, "solo.events");
  Finished checked;
  ASSERT_TRUE(eventually([&] { return (checked = topic_check()).code == 3; })) << checked.out;
  const auto shown = nlohmann::json::parse(checked.out, nullptr, false);
  EXPECT_EQ(shown["fit"], "unknown") << checked.out;
  EXPECT_TRUE(shown["min_insync_replicas"].is_null()) << checked.out;
  EXPECT_NE(checked.out.find("DESCRIBE_CONFIGS"), std::string::npos) << checked.out;
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1);
  EXPECT_TRUE(says("log.kafka.unchecked = true")) << daemon_.log();
  daemon_.set_arguments(arguments({"--log-kafka-unchecked", "true"}));
  EXPECT_TRUE(daemon_.start()) << daemon_.log();
}

class Logins : public BrokerTrouble {
 protected:
  Logins() : BrokerTrouble({.version = {}, .sasl_ssl = true, .settings = {}}) {}

  std::vector<std::string> arguments_with(const std::string& name, const std::string& value) const {
    auto properties = broker_.client_properties();
    properties.erase("bootstrap.servers");
    properties[name] = value;
    std::string list;
    for (const auto& [key, text] : properties) list += key + "=" + text + " ";
    return arguments({"--log-kafka-properties", list});
  }
};

TEST_F(Logins, ThatTheBrokerRefusesEndTheStartAtOnceWithItsReason) {
  daemon_.set_arguments(arguments_with("sasl.password", "hunter2"));
  const auto began = std::chrono::steady_clock::now();
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1) << daemon_.log();
  EXPECT_LT(since(began), seconds(20));
  EXPECT_TRUE(says("Authentication failed")) << daemon_.log();
  EXPECT_TRUE(says("sasl.password")) << daemon_.log();
  EXPECT_FALSE(says("hunter2")) << daemon_.log();
  EXPECT_FALSE(says("is the broker running?")) << daemon_.log();
}

TEST_F(Logins, OfABrokerWhoseCertificateNobodyVouchesForAreWaitedForWithThatReason) {
  TempDir directory;
  const auto other = directory.path() / "ca.pem";
  ASSERT_EQ(run({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj",
                 "/CN=somebody else", "-keyout", (directory.path() / "key").string(), "-out", other.string()})
                .code,
            0);
  daemon_.set_arguments(arguments_with("ssl.ca.location", other.string()));
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return says("waiting for Kafka at") && says("certificate"); })) << daemon_.log();
}

}  // namespace
}  // namespace solo::testing
