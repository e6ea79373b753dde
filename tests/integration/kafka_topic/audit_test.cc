// The audit's topic, against a real broker and against none.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "producers/audit_topic.h"
#include "producers/kafka_inspector.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/support/kafka_broker.h"

namespace solo::testing {
namespace {

using producers::AuditTopic;
using std::chrono::seconds;

/// Of one digit's number.
std::string accessor(int number) { return "acc_0000000000000000000" + std::to_string(number); }

std::string record(int number) {
  v1::EventT event;
  event.id = "run-" + std::to_string(number);
  event.source = "/nodes/a/audit";
  event.tenant = "system";
  event.time = 1'700'000'000'000'000 + number;
  v1::CapabilityDeniedT denied;
  denied.reason = v1::DenialReason::revoked;
  denied.accessor = accessor(number);
  denied.command = "Deploy";
  event.payload.Set(std::move(denied));
  return schemas::encode(event);
}

producers::KafkaOptions options_for(const std::string& bootstrap, const std::string& cluster) {
  producers::KafkaOptions options;
  options.bootstrap = bootstrap;
  options.cluster = cluster;
  return options;
}

Finished solo(std::vector<std::string> arguments, const std::string& cluster) {
  arguments.insert(arguments.begin(), SOLO_PATH);
  arguments.insert(arguments.end(), {"--kafka", KafkaBroker::shared().bootstrap(), "--cluster", cluster});
  return run(std::move(arguments));
}

TEST(AuditTopic, IsMadeWithItsRetentionAndWhatIsWrittenIsReadByTheCommand) {
  const std::string cluster = "audited";
  const auto made = solo({"topic", "create", "--audit-retention", "7", "--json"}, cluster);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(nlohmann::json::parse(made.out)["audit"], "audited.audit");
  const auto options = options_for(KafkaBroker::shared().bootstrap(), cluster);
  auto inspector = producers::KafkaInspector::start(options, producers::audit_topic(cluster));
  ASSERT_TRUE(inspector);
  const auto settings = (*inspector)->settings(seconds(10));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("retention.ms"), "604800000");
  EXPECT_EQ(settings->at("cleanup.policy"), "delete");

  auto topic = AuditTopic::open(options);
  ASSERT_TRUE(topic) << topic.error().message;
  ASSERT_TRUE((*topic)->write({record(0), record(1), record(2)}));
  ASSERT_TRUE(eventually([&] {
    (*topic)->tidy();
    return (*topic)->condition().pending == 0;
  }));
  EXPECT_EQ((*topic)->condition().lost, 0U);
  EXPECT_EQ((*topic)->condition().trouble, "");

  const auto read = solo({"audit", "read", "--json", "1:"}, cluster);
  ASSERT_EQ(read.code, 0) << read.err;
  std::istringstream lines(read.out);
  int number = 1;
  for (std::string line; std::getline(lines, line); ++number) {
    const auto shown = nlohmann::json::parse(line);
    EXPECT_EQ(shown["event"]["payload"]["accessor"], accessor(number)) << line;
    EXPECT_EQ(shown["event"]["payload"]["reason"], "revoked") << line;
  }
  EXPECT_EQ(number, 3);
  const auto one = solo({"audit", "read", "--accessor", accessor(2)}, cluster);
  EXPECT_NE(one.out.find(accessor(2) + " Deploy: revoked"), std::string::npos) << one.out;
  EXPECT_EQ(one.out.find(accessor(1)), std::string::npos) << one.out;
}

TEST(AuditTopic, WithoutItsTopicRecordsAreLostCountedAndSaid) {
  auto topic = AuditTopic::open(options_for(KafkaBroker::shared().bootstrap(), "nowhere"));
  ASSERT_TRUE(topic);
  ASSERT_TRUE((*topic)->write({record(0)}));
  EXPECT_TRUE(eventually(
      [&] {
        (*topic)->tidy();
        return (*topic)->condition().lost == 1;
      },
      seconds(60)));
  EXPECT_EQ((*topic)->condition().pending, 0U);
  EXPECT_NE((*topic)->condition().trouble.find("nowhere.audit"), std::string::npos);
}

TEST(AuditTopic, WithoutABrokerNobodyWaitsAndWhatHasNoRoomIsCounted) {
  auto topic = AuditTopic::open(options_for("127.0.0.1:1", "away"));
  ASSERT_TRUE(topic);
  const std::vector<std::string> records(25'000, record(0));
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE((*topic)->write(records));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
  const auto condition = (*topic)->condition();
  EXPECT_EQ(condition.pending + condition.lost, records.size());
  EXPECT_GE(condition.lost, 5'000U);
  EXPECT_TRUE(eventually([&] {
    (*topic)->tidy();
    return !(*topic)->condition().trouble.empty();
  }));
}

}  // namespace
}  // namespace solo::testing
