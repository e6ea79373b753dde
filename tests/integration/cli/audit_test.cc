// solo audit read: on files as the daemon writes them, and asking the daemon.
#include <set>
#include <sstream>

#include "producers/audit_files.h"
#include "producers/clock.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/integration/cli/cli_fixture.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class CliAudit : public CliTest {
 protected:
  CliAudit() {
    std::filesystem::create_directory(daemon_.state());
    std::filesystem::permissions(daemon_.state(), std::filesystem::perms::owner_all);
    options_.directory = daemon_.state() / "audit";
    options_.max_file_bytes = 1;
    producers::AuditFiles files(options_, clock_);
    const std::int64_t now = clock_.wall_us();
    v1::CapabilityVerifiedT verified;
    verified.accessor = "acc_0000000000000000000a";
    verified.permission = v1::Permission::deploy;
    verified.count = 42;
    EXPECT_TRUE(files.write({record("run-0", now - 7'200 * kSecond, std::move(verified))}));
    for (const char* accessor : {"acc_0000000000000000000a", "acc_0000000000000000000b"}) {
      v1::CapabilityDeniedT denied;
      denied.reason = v1::DenialReason::expired;
      denied.accessor = accessor;
      denied.command = "Kill";
      denied.peer = "tcp://192.0.2.7:40000";
      EXPECT_TRUE(files.write({record(std::string("run-") + accessor, now, std::move(denied))}));
    }
  }

  template <class Payload>
  static std::string record(std::string id, std::int64_t time, Payload payload) {
    v1::EventT event;
    event.id = std::move(id);
    event.source = "/nodes/a/audit";
    event.tenant = "system";
    event.time = time;
    event.payload.Set(std::move(payload));
    return schemas::encode(event);
  }
  std::vector<nlohmann::json> read(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"audit", "read", "--offline", "--json"});
    const auto finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::vector<nlohmann::json> lines;
    std::istringstream stream(finished.out);
    for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  producers::SystemClock clock_;
  producers::AuditFilesOptions options_;
};

TEST_F(CliAudit, ShowsUsesAndDenialsForPeopleAndForPrograms) {
  const auto shown = solo({"audit", "read", "--offline"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_TRUE(holds(shown.out, "acc_0000000000000000000a deploy, 42 times"));
  EXPECT_TRUE(holds(shown.out, "acc_0000000000000000000b Kill: expired"));
  const auto all = read({});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["event"]["payload"]["count"], 42);
  EXPECT_EQ(all[2]["event"]["payload"]["peer"], "tcp://192.0.2.7:40000");
  EXPECT_EQ(all[2]["position"], "0:2");
}

TEST_F(CliAudit, ARangeAndAnAccessorChoose) {
  EXPECT_EQ(read({"-1"}).size(), 1U);
  EXPECT_EQ(read({"@-1h"}).size(), 2U);
  EXPECT_EQ(read({"0:+1"}).size(), 1U);
  const auto of_a = read({"--accessor", "acc_0000000000000000000a"});
  ASSERT_EQ(of_a.size(), 2U);
  EXPECT_EQ(of_a[1]["event"]["payload"]["reason"], "expired");
  EXPECT_EQ(read({"--accessor", "acc_0000000000000000000c"}).size(), 0U);
  EXPECT_EQ(solo({"audit", "read", "--offline", "nonsense"}).code, 2);
}

TEST_F(CliAudit, WithoutAnAuditThereIsNothingToShow) {
  std::filesystem::remove_all(options_.directory);
  const auto nothing = solo({"audit", "read", "--offline"});
  EXPECT_EQ(nothing.code, 0);
  EXPECT_TRUE(holds(nothing.err, "no record"));
}

TEST_F(CliAudit, DamageIsSaidAndWhatIsBehindItCanBeRead) {
  std::fstream file(options_.directory / "00000000000000000001", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(20);
  file.put('\x55');
  file.close();
  const auto damaged = solo({"audit", "read", "--offline", "1"});
  EXPECT_EQ(damaged.code, 3);
  EXPECT_TRUE(holds(damaged.err, "offset 1"));
  EXPECT_EQ(read({"2"}).size(), 1U);
}

TEST_F(CliAudit, ADaemonThatCannotKeepAnAuditServesAllTheSame) {
  std::filesystem::remove_all(options_.directory);
  std::ofstream(options_.directory) << "in the way";
  start();
  EXPECT_EQ(solo({"deploy", "nap", "--exec", "--", "/bin/sleep", "1000"}).code, 0);
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

using CliLiveAudit = CliTest;

TEST_F(CliLiveAudit, TheDaemonsAuditSurvivesItsStopAndHoldsNoSecret) {
  start();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(solo({"list"}).code, 0);
  const std::string stranger = test_token(4711).text;
  EXPECT_EQ(solo({"list", "--token", stranger}).code, 1);
  // A denial comes within seconds, while the daemon runs.
  EXPECT_TRUE(eventually([&] {
    return solo({"audit", "read", "--offline"}).out.find("unknown") != std::string::npos;
  }));
  const std::string root = daemon_.root_token();
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  const auto shown = solo({"audit", "read", "--offline", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  std::istringstream lines(shown.out);
  std::uint64_t reads = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto payload = nlohmann::json::parse(line)["event"]["payload"];
    if (payload.contains("count") && payload["permission"] == "read") reads += payload["count"].get<std::uint64_t>();
  }
  EXPECT_GE(reads, 3U) << shown.out;
  for (const std::string& secret : {root, stranger}) {
    EXPECT_EQ(shown.out.find(secret), std::string::npos);
    for (const auto& entry : std::filesystem::directory_iterator(daemon_.state() / "audit")) {
      EXPECT_EQ(read_file(entry.path()).find(secret), std::string::npos) << entry.path();
    }
  }
}

TEST_F(CliLiveAudit, ATenantIsShownWhatWasAskedAboutItByTheRunningDaemonIfItsTokenMayAudit) {
  start();
  const auto grant = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"token", "grant", "--json"});
    return json(std::move(arguments))["token"].get<std::string>();
  };
  const auto as = [this](const std::string& token, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--token", token});
    return solo(std::move(arguments));
  };
  const std::string auditor = grant({"--permission", "audit"});
  const std::string other = grant({"--permission", "audit", "--tenant", "globex"});
  const std::string reader = grant({"--permission", "read"});
  const std::string narrow = grant({"--permission", "audit", "--services", "web*"});
  const std::string stranger = test_token(4711).text;
  EXPECT_EQ(as(stranger, {"list"}).code, 1);
  EXPECT_EQ(as(reader, {"list", "--tenant", "globex"}).code, 1);
  ASSERT_TRUE(eventually([&] {
    return holds(as(other, {"audit", "read", "--tenant", "globex"}).out, "List: tenant");
  }));
  ASSERT_TRUE(eventually([&] { return holds(as(auditor, {"audit", "read"}).out, "List: unknown"); }));

  const auto records = [&](const std::string& token, std::vector<std::string> more) {
    more.insert(more.begin(), {"audit", "read", "--json"});
    const auto finished = as(token, std::move(more));
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::vector<nlohmann::json> lines;
    std::istringstream stream(finished.out);
    for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  };
  const std::string root = daemon_.root_token();
  const auto tenants_in = [](const std::vector<nlohmann::json>& lines) {
    std::set<std::string> tenants;
    for (const auto& line : lines) tenants.insert(line["event"]["tenant"].get<std::string>());
    return tenants;
  };
  EXPECT_EQ(tenants_in(records(auditor, {})), std::set<std::string>{"acme"});
  EXPECT_EQ(tenants_in(records(other, {"--tenant", "globex"})), std::set<std::string>{"globex"});
  const auto all = tenants_in(records(root, {"--all-tenants"}));
  EXPECT_TRUE(all.contains("acme") && all.contains("globex"));
  const auto one = records(root, {"--all-tenants", "--accessor", schemas::token_accessor(schemas::hash_token(reader))});
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0]["event"]["payload"]["reason"], "tenant");
  EXPECT_EQ(records(root, {"--accessor", test_token(4711).accessor}).size(), 0U) << "strangers have no name";
  // Whatever else is given there may be a secret: it goes nowhere, and is not repeated.
  for (const char* where : {"--json", "--offline"}) {
    const auto refused = solo({"audit", "read", where, "--accessor", reader});
    EXPECT_EQ(refused.code, 2);
    EXPECT_TRUE(holds(refused.out + refused.err, "an accessor is acc_"));
    EXPECT_FALSE(holds(refused.out + refused.err, reader));
  }
  EXPECT_EQ(records(root, {"end"}).size(), 0U);

  const auto denied = as(reader, {"audit", "read"});
  EXPECT_EQ(denied.code, 1);
  EXPECT_TRUE(holds(denied.err, "permission audit"));
  EXPECT_EQ(as(auditor, {"audit", "read", "--tenant", "globex"}).code, 1);
  EXPECT_EQ(as(auditor, {"audit", "read", "--all-tenants"}).code, 1);
  EXPECT_EQ(as(narrow, {"audit", "read"}).code, 1) << "it cannot be cut to some services";
  EXPECT_EQ(as(stranger, {"audit", "read"}).code, 1);
  // Where it is kept it is all of it, and nobody is asked.
  EXPECT_TRUE(holds(solo({"audit", "read", "--offline"}).out, "List: tenant"));
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  EXPECT_EQ(solo({"audit", "read"}).code, 3) << "there is no daemon to ask";
}

}  // namespace
}  // namespace solo::testing
