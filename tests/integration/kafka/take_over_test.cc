// The verifiers of two daemons beside a take-over: services that take their time to stop are no drift.
#include <set>

#include "tests/integration/kafka/kafka_daemon.h"

namespace solo::testing {
namespace {

std::vector<std::string> alarms_in(const Daemon& daemon) {
  std::vector<std::string> alarms;
  const std::string log = daemon.log();
  for (std::size_t at = 0; (at = log.find("does not hold", at)) != std::string::npos; ++at) {
    const std::size_t begin = log.rfind('\n', at) + 1;
    alarms.push_back(log.substr(begin, log.find('\n', at) - begin));
  }
  return alarms;
}

/// Of the services, which have children that come and go.
std::size_t instances(const Daemon& daemon) {
  std::set<std::string> all;
  for (const auto& process : daemon.processes()) all.insert(process.service + " " + process.instance);
  return all.size();
}

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

std::int64_t last_verification(const Daemon& daemon) {
  v1::RequestT health;
  health.body.Set(v1::HealthT());
  const auto reply = call(daemon, health);
  const auto* report = is_ok(reply) ? reply->body.AsHealthReport() : nullptr;
  return report != nullptr && report->verification ? report->verification->time : 0;
}

/// Waits until it has compared so many times more.
void let_verify(const Daemon& daemon, int times) {
  for (int time = 0; time < times; ++time) {
    const auto before = last_verification(daemon);
    ASSERT_TRUE(eventually([&] { return last_verification(daemon) > before; })) << daemon.log();
  }
}

/// Its status and detail.
std::pair<v1::HealthStatus, std::string> health_of(const Daemon& daemon) {
  v1::RequestT health;
  health.body.Set(v1::HealthT());
  const auto reply = call(daemon, health);
  const auto* report = is_ok(reply) ? reply->body.AsHealthReport() : nullptr;
  return report != nullptr ? std::pair(report->status, report->detail) : std::pair(v1::HealthStatus::stopping, "");
}

TEST(TwoDaemons, SayWhoHoldsTheRuntimeAndThatNobodyDoesAfterItsHolderHasShutDown) {
  auto arguments =
      kafka_arguments(KafkaBroker::shared(), "held", {"--verifier-interval-ms", "0", "--node-name", "first"});
  Daemon first(arguments);
  ASSERT_TRUE(first.start()) << first.log();
  EXPECT_EQ(health_of(first).second, "");
  arguments.back() = "second";
  arguments.emplace_back("--take-over");
  Daemon second(arguments);
  second.use_token_of(first);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_EQ(health_of(second).second, "");
  EXPECT_TRUE(eventually([&] { return health_of(first).second.find("on node second holds") != std::string::npos; }))
      << health_of(first).second;
  EXPECT_EQ(health_of(first).first, v1::HealthStatus::ok);
  EXPECT_EQ(second.stop(), 0) << second.log();
  EXPECT_TRUE(eventually([&] { return health_of(first).first == v1::HealthStatus::degraded; }));
  EXPECT_NE(health_of(first).second.find("nobody runs the services"), std::string::npos) << health_of(first).second;
  EXPECT_NE(health_of(first).second.find("--take-over"), std::string::npos);
  // As it says.
  EXPECT_EQ(first.stop(), 0) << first.log();
  ASSERT_TRUE(first.start()) << first.log();
  EXPECT_EQ(health_of(first).second, "");
}

TEST(VerifiersOfTwoDaemons, HaveNothingToSayOfATakeOver) {
  auto arguments =
      kafka_arguments(KafkaBroker::shared(), "taken",
                      {"--verifier-interval-ms", "100", "--verifier-fix", "false", "--node-name", "first"});
  Daemon first(arguments);
  ASSERT_TRUE(first.start()) << first.log();
  for (int i = 0; i < 5; ++i) {
    const auto id = std::to_string(i);
    const auto spec = script_spec("#!/bin/sh\ntrap 'sleep 2; exit 0' TERM\nwhile :; do sleep 0.1; done\n");
    ASSERT_TRUE(is_ok(call(first, deploy_request(id, "acme", "s" + id, spec))));
  }
  arguments.back() = "second";
  Daemon second(arguments);
  second.use_token_of(first);
  ASSERT_TRUE(second.start()) << second.log();
  // As a gateway alone for a while: it owns nothing, and the other's processes are no concern of its.
  ASSERT_NO_FATAL_FAILURE(let_verify(second, 3));
  EXPECT_EQ(second.stop(), 0) << second.log();
  arguments.emplace_back("--take-over");
  second.set_arguments(arguments);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_TRUE(eventually([&] { return first.processes().empty() && instances(second) == 5; }, seconds(30)))
      << first.log() << second.log();
  // And some verifications later.
  ASSERT_NO_FATAL_FAILURE(let_verify(first, 3));
  ASSERT_NO_FATAL_FAILURE(let_verify(second, 3));
  EXPECT_EQ(lines(alarms_in(first)), "");
  EXPECT_EQ(lines(alarms_in(second)), "");
  EXPECT_EQ(instances(first), 0U);
  EXPECT_EQ(instances(second), 5U);
}

}  // namespace
}  // namespace solo::testing
