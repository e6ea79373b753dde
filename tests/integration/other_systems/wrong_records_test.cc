// What others publish wrongly is kept with its reason, and harms nothing.
#include <algorithm>
#include <filesystem>
#include <map>

#include "schemas/codec.h"
#include "tests/integration/other_systems/other_systems.h"

namespace solo::testing {
namespace {

using Json = nlohmann::json;

template <class Payload>
v1::PayloadUnion payload_of(Payload payload) {
  v1::PayloadUnion any;
  any.Set(std::move(payload));
  return any;
}

v1::PayloadUnion deployed(std::uint64_t if_generation = 0) {
  v1::ServiceDeployedT payload;
  payload.spec.ensure() = exec_spec({"/bin/sleep", "1000000"});
  payload.if_generation = if_generation;
  return payload_of(std::move(payload));
}

v1::PayloadUnion killed(std::uint64_t if_generation = 0) {
  v1::ServiceKilledT payload;
  payload.if_generation = if_generation;
  return payload_of(std::move(payload));
}

v1::PayloadUnion stopped(const std::string& run) {
  v1::ServiceStoppedT payload;
  payload.observed.ensure().run = run;
  payload.observed->generation = 1;
  payload.observed->instance = run + "-1";
  return payload_of(std::move(payload));
}

class WrongRecords : public OtherSystems {
 protected:
  void SetUp() override {
    start();
    const auto reply = call(daemon_, sleeper("first", "web", v1::Wait::done, tenant_));
    ASSERT_TRUE(is_ok(reply)) << words_of(reply) << daemon_.log();
    ASSERT_EQ(daemon_.processes().size(), 1U);
    pid_ = daemon_.processes().front().pid;
  }

  v1::EventT event(std::string id, v1::PayloadUnion payload, std::string service = "web") const {
    v1::EventT event;
    event.id = std::move(id);
    event.source = "https://example.org/ci";
    event.tenant = tenant_;
    event.service = std::move(service);
    event.payload = std::move(payload);
    return event;
  }

  /// Puts it where the key belongs, or where it is told, and expects a dead letter with these words.
  void put(const std::string& code, const std::string& reason, const std::string& value, const std::string* key,
           std::int32_t partition) {
    const auto offset = outsider_.put(topic(), partition, key, value);
    expected_[position(partition, offset)] = {code, reason};
  }
  void put(const std::string& code, const std::string& reason, const std::string& value) {
    put(code, reason, value, &tenant_, kHome);
  }
  void put(const std::string& code, const std::string& reason, const v1::EventT& event) {
    put(code, reason, schemas::encode(event));
  }

  Json letters(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"view", "dead-letters"});
    return json(std::move(arguments))["letters"];
  }

  /// Every one of them, with its reason, and no other.
  void expect_letters() const {
    ASSERT_TRUE(eventually([&] { return letters({"--all-tenants"}).size() >= expected_.size(); }))
        << letters({"--all-tenants"}).dump(1) << daemon_.log();
    const Json found = letters({"--all-tenants"});
    EXPECT_EQ(found.size(), expected_.size()) << found.dump(1);
    for (const auto& letter : found) {
      const auto expected = expected_.find(letter["position"].get<std::string>());
      ASSERT_NE(expected, expected_.end()) << letter.dump(1);
      EXPECT_EQ(letter["code"], expected->second.first) << letter.dump(1);
      EXPECT_NE(letter["message"].get<std::string>().find(expected->second.second), std::string::npos)
          << letter.dump(1);
      EXPECT_GT(letter["timestamp"].get<std::int64_t>(), 0);
    }
  }

  void put_what_is_no_event() {
    put("invalid_argument", "not an event", std::string("complete and utter garbage"));
    put("invalid_argument", "not an event", std::string());
    put("invalid_argument", "at most", std::string(950 * 1024, 'x'));
    std::string unknown = schemas::encode(event("unknown", deployed()));
    auto* table = flatbuffers::GetMutableRoot<flatbuffers::Table>(unknown.data());
    *table->GetAddressOf(v1::Event::VT_PAYLOAD_TYPE) = 200;
    put("unimplemented", "200", unknown);
  }

  void put_what_is_in_the_wrong_place() {
    const std::string value = schemas::encode(event("misplaced", killed()));
    put("invalid_argument", "belongs to partition 0", value, &tenant_, 1);
    put("invalid_argument", "is not the tenant", value, &other_, 1);
    put("invalid_argument", "is not the tenant", value, nullptr, 2);
  }

  void put_what_breaks_a_rule() {
    put("invalid_argument", "No_Name", event("name", killed(), "No_Name"));
    put("already_exists", "web", event("taken", deployed()));
    put("failed_precondition", "generation", event("stale", killed(7)));
    put("not_found", "nobody", event("nobody", killed(), "nobody"));
    put("permission_denied", "comes from a node",
        event("observation", stopped("11111111-1111-4111-8111-111111111111")));
    v1::EventT rules = event("rules", payload_of(v1::RulesRaisedT{}), "");
    put("permission_denied", "tenant system", rules);
    v1::EventT genesis = event("genesis", payload_of(v1::SystemInitializedT{}), "");
    put("permission_denied", "comes from a node", genesis);
    v1::EventT commands = event("commands", killed());
    commands.source = "/commands/" + other_;
    put("invalid_argument", "does not go with tenant", commands);
    v1::EventT node = event("node", killed());
    node.source = "/nodes/elsewhere";
    put("permission_denied", "a node gives no orders", node);
    v1::EventT nameless = event("", killed());
    put("invalid_argument", "an id has", nameless);
  }

  void put_what_repeats() {
    // In force once, though it is there twice.
    const v1::EventT first = event("twice", deployed(), "worker");
    outsider_.put(topic(), kHome, tenant_, schemas::encode(first));
    put("ok", "repeats the event", first);
    put("invalid_argument", "used for a different request", event("twice", killed(), "worker"));
  }

  static constexpr std::int32_t kHome = 0;
  const std::string tenant_ = tenant_in(kHome);
  const std::string other_ = tenant_in(1);
  KafkaOutsider outsider_{{{"bootstrap.servers", broker().bootstrap()}}};
  std::map<std::string, std::pair<std::string, std::string>> expected_;
  pid_t pid_ = 0;
};

TEST_F(WrongRecords, OfEveryKindAreDeadLettersWithTheirReasonsAndHarmNothing) {
  put_what_is_no_event();
  put_what_is_in_the_wrong_place();
  put_what_breaks_a_rule();
  put_what_repeats();
  expect_letters();

  // The runtime's own report of a run that is none is stale, and counts for nothing.
  v1::EventT forged = event("11111111-1111-4111-8111-111111111111-5", stopped("11111111-1111-4111-8111-111111111111"));
  forged.source = "/nodes/elsewhere";
  outsider_.put(topic(), kHome, tenant_, schemas::encode(forged));

  const auto later = call(daemon_, sleeper("later", "later", v1::Wait::done, tenant_));
  EXPECT_TRUE(is_ok(later)) << words_of(later);
  // The worker was ordered before it; it may be started after it.
  std::map<std::string, pid_t> running;
  EXPECT_TRUE(eventually([&] {
    running.clear();
    for (const auto& process : daemon_.processes()) running[process.service] = process.pid;
    return running.size() == 3;
  })) << "web, worker, later";
  EXPECT_EQ(running["web"], pid_) << "it runs on as it did";
  EXPECT_EQ(running.count("worker"), 1U);
  const Json health = json({"health"});
  EXPECT_EQ(health["status"], "ok");
  EXPECT_EQ(health["views"]["dead_letters"], expected_.size());

  // The same from the log alone.
  daemon_.kill9();
  std::filesystem::remove_all(daemon_.state() / "views");
  start();
  expect_letters();
}

TEST_F(WrongRecords, AreShownToTheTenantWhoseTheyAreAndToNobodyElse) {
  put_what_is_no_event();
  put_what_is_in_the_wrong_place();
  // Another tenant's own, beside them in the log.
  put("invalid_argument", "not an event", "garbage", &other_, 1);
  expect_letters();

  const Json own = letters({"--tenant", tenant_});
  EXPECT_EQ(own.size(), 5U) << "what is no event, and what it put into the wrong partition: " << own.dump(1);
  for (const auto& letter : own) EXPECT_EQ(letter["key"], tenant_);
  const Json others = letters({"--tenant", other_});
  ASSERT_EQ(others.size(), 1U) << "not the one with its key that says it is another's: " << others.dump(1);
  EXPECT_EQ(others[0]["type"], "");
  EXPECT_EQ(letters({"--tenant", "nobody"}).size(), 0U);
}

TEST_F(WrongRecords, ArePagedThroughEveryPartition) {
  for (int number = 0; number < 7; ++number) {
    put("invalid_argument", "not an event", "garbage", &tenant_, number % kPartitions);
  }
  expect_letters();
  std::set<std::string> seen;
  std::string from;
  do {
    std::vector<std::string> arguments{"view", "dead-letters", "--all-tenants", "--limit", "2"};
    if (!from.empty()) arguments.insert(arguments.end(), {"--from", from});
    const Json page = json(arguments);
    EXPECT_LE(page["letters"].size(), 2U);
    for (const auto& letter : page["letters"])
      EXPECT_TRUE(seen.insert(letter["position"].get<std::string>()).second) << page.dump();
    from = page["next"].get<std::string>();
  } while (!from.empty());
  EXPECT_EQ(seen.size(), 7U);

  const auto table = solo({"view", "dead-letters", "--all-tenants", "--limit", "3"});
  EXPECT_EQ(table.code, 0);
  EXPECT_NE(table.out.find("invalid_argument: not an event"), std::string::npos) << table.out;
  EXPECT_NE(table.err.find("there are more: --from "), std::string::npos) << table.err;
  EXPECT_EQ(json({"view", "dead-letters", "--all-tenants", "--from", "9:0"}, 2)["error"]["code"], "invalid_argument");
  EXPECT_EQ(json({"view", "dead-letters", "--all-tenants", "--from", "here"}, 2)["error"]["code"], "invalid_argument");
}

}  // namespace

int OtherSystems::next_ = 0;

}  // namespace solo::testing
