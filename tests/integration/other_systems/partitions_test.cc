// A log of several partitions, as operators and clients see it.
#include <map>
#include <optional>

#include "schemas/position.h"
#include "tests/integration/other_systems/other_systems.h"

namespace solo::testing {
namespace {

using Json = nlohmann::json;

class Partitions : public OtherSystems {
 protected:
  /// Two tenants' services in each partition; the positions they were answered with.
  void deploy_everywhere() {
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      for (int number = 0; number < 2; ++number) {
        const auto tenant = tenant_in(partition, number);
        const auto reply = call(daemon_, sleeper("d-" + tenant, "web", v1::Wait::done, tenant));
        ASSERT_TRUE(is_ok(reply)) << words_of(reply) << daemon_.log();
        const auto position = schemas::parse_position(reply->position);
        ASSERT_TRUE(position) << reply->position;
        EXPECT_EQ(position->partition, partition);
        last_[partition] = position->offset;
      }
    }
  }
  std::string cut(std::int64_t beyond = 0) const {
    schemas::Cut cut;
    for (const auto& [partition, offset] : last_) cut.positions.push_back({partition, offset + beyond});
    return to_string(cut);
  }
  /// What the views have of the log; nothing: not all of it yet.
  std::optional<Json> settled() const {
    const Json health = json({"health"});
    const auto applied = schemas::parse_cut(health["views"]["applied"].get<std::string>());
    const auto end = schemas::parse_cut(health["log"]["end"].get<std::string>());
    if (!applied || !end || applied->positions.size() != end->positions.size()) return std::nullopt;
    for (std::size_t at = 0; at < end->positions.size(); ++at) {
      if (applied->positions[at].offset + 1 != end->positions[at].offset) return std::nullopt;
    }
    return health;
  }
  Json wait_settled() const {
    std::optional<Json> health;
    EXPECT_TRUE(eventually([&] { return (health = settled()).has_value(); })) << daemon_.log();
    return health.value_or(Json());
  }

  std::map<std::int32_t, std::int64_t> last_;
};

TEST_F(Partitions, AreNamedInRepliesCutsAndHealth) {
  start();
  deploy_everywhere();
  auto read = status_request(tenant_in(2), "web");
  read.after = cut();
  EXPECT_TRUE(is_ok(call(daemon_, read)));
  read.after = cut(1'000'000);
  read.timeout_ms = 300;
  EXPECT_EQ(code_of(call(daemon_, read)), v1::ErrorCode::deadline_exceeded);
  read.after = "3:0";
  EXPECT_EQ(code_of(call(daemon_, read)), v1::ErrorCode::invalid_argument);

  const Json health = wait_settled();
  const auto end = schemas::parse_cut(health["log"]["end"].get<std::string>());
  ASSERT_TRUE(end);
  ASSERT_EQ(end->positions.size(), static_cast<std::size_t>(kPartitions));
  const Json bounds = Json::parse(
      solo({"log", "bounds", "--json", "--kafka", broker().bootstrap(), "--cluster", cluster_}).out, nullptr, false);
  EXPECT_EQ(bounds["kind"], "kafka");
  EXPECT_EQ(bounds["log"], health["log"]["uuid"]);
  ASSERT_EQ(bounds["partitions"].size(), static_cast<std::size_t>(kPartitions)) << bounds.dump();
  for (std::size_t partition = 0; partition < end->positions.size(); ++partition) {
    EXPECT_EQ(bounds["partitions"][partition]["first"], 0);
    EXPECT_EQ(bounds["partitions"][partition]["end"], end->positions[partition].offset);
  }
}

TEST_F(Partitions, OfEveryTenantComeBackAfterEverythingWasKilledAndTheirViewsAreThoseAnotherDaemonHas) {
  start();
  deploy_everywhere();
  const std::string doomed = tenant_in(1);
  ASSERT_TRUE(is_ok(call(daemon_, kill_request("k", doomed, "web"))));
  daemon_.kill9();
  while (daemon_.kill_services() > 0) pause_briefly();
  start();
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 5; })) << daemon_.log();
  for (const auto& process : daemon_.processes()) EXPECT_NE(process.tenant, doomed);
  const Json report = json({"recovery", "report", "--tenant", "system"});
  EXPECT_EQ(report["recovered"], 5);
  EXPECT_EQ(report["skipped_killed"], 1);
  // A retry is answered as then, in the partition it went to.
  const auto again = call(daemon_, sleeper("d-" + tenant_in(2), "web", v1::Wait::applied, tenant_in(2)));
  ASSERT_TRUE(is_ok(again)) << words_of(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->position.rfind("2:", 0), 0U);

  // Another daemon that reads the topic from its beginning: the same views at the same cut.
  const Json lived = wait_settled();
  Daemon other(kafka_arguments(broker(), cluster_, {"--node-name", "other", "--verifier-interval-ms", "0"}));
  ASSERT_TRUE(other.start()) << other.log();
  EXPECT_TRUE(other.processes().empty());
  Json rebuilt;
  EXPECT_TRUE(eventually([&] {
    rebuilt = Json::parse(run({SOLO_PATH, "health", "--json"},
                              {"SOLO_STATE_DIR=" + other.state().string(), "SOLO_TOKEN=" + daemon_.root_token()})
                              .out);
    const Json now = json({"health"});
    return rebuilt["views"]["applied"] == now["views"]["applied"] &&
           rebuilt["views"]["digest"] == now["views"]["digest"];
  })) << rebuilt.dump(1)
      << lived.dump(1);
  EXPECT_NE(rebuilt["views"]["digest"], std::string(32, '0'));
}

TEST_F(Partitions, AreReadAsOneLogOrOneByOne) {
  start();
  deploy_everywhere();
  const Json health = wait_settled();
  const auto end = schemas::parse_cut(health["log"]["end"].get<std::string>());
  ASSERT_TRUE(end);
  const auto all = log_read();
  std::size_t expected = 0;
  for (const auto& position : end->positions) expected += static_cast<std::size_t>(position.offset);
  EXPECT_EQ(all.size(), expected);
  // Each partition in its order, all of them by time.
  std::map<std::int32_t, std::int64_t> next;
  std::string time;
  for (const auto& record : all) {
    const auto position = schemas::parse_position(record["position"].get<std::string>());
    ASSERT_TRUE(position);
    EXPECT_EQ(position->offset, next[position->partition]++);
    EXPECT_GE(record["time"].get<std::string>(), time);
    time = record["time"].get<std::string>();
  }

  EXPECT_EQ(log_read({"-2"}).size(), 2U * kPartitions);
  EXPECT_EQ(log_read({"0:+1"}).size(), static_cast<std::size_t>(kPartitions));
  EXPECT_EQ(log_read({"@-1h"}).size(), all.size());
  EXPECT_EQ(log_read({"@4000-01-01"}).size(), 0U);
  EXPECT_EQ(log_read({"end"}).size(), 0U);
  const auto second = log_read({"-2", "--partition", "1"});
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[1]["position"], position(1, end->positions[1].offset - 1));
  EXPECT_EQ(log_read({"--of", tenant_in(2) + "/web"}).size(), 2U) << "deployed and started";

  const auto in_kafka = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"log", "read"});
    arguments.insert(arguments.end(), {"--kafka", broker().bootstrap(), "--cluster", cluster_});
    return solo(std::move(arguments));
  };
  EXPECT_EQ(in_kafka({"--partition", "3"}).code, 1);
  EXPECT_EQ(in_kafka({"100000"}).code, 1);
  EXPECT_EQ(in_kafka({"--state-dir", daemon_.state()}).code, 2);
  EXPECT_NE(in_kafka({"-1"}).out.find("POSITION"), std::string::npos);
  const auto nowhere = solo({"log", "read"});
  EXPECT_EQ(nowhere.code, 1);
  EXPECT_NE(nowhere.err.find("--kafka"), std::string::npos) << nowhere.err;
}

TEST_F(Partitions, AreFollowedTogether) {
  start();
  const TempDir directory;
  const auto out = directory.path() / "out";
  Child follower({SOLO_PATH, "log", "read", "end", "--follow", "--kafka", broker().bootstrap(), "--cluster", cluster_},
                 out, directory.path() / "err");
  ASSERT_TRUE(eventually([&] { return !read_file(out).empty(); })) << read_file(directory.path() / "err");
  deploy_everywhere();
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    const std::string wanted = tenant_in(partition) + "/web";
    EXPECT_TRUE(eventually([&] { return read_file(out).find(wanted) != std::string::npos; })) << read_file(out);
  }
  follower.signal(SIGINT);
  EXPECT_EQ(follower.wait(seconds(30)), 0);
}

}  // namespace
}  // namespace solo::testing
