// `solo verify` as people and scripts meet it.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/verifier/verifier_fixture.h"

namespace solo::testing {
namespace {

using Json = nlohmann::json;

class SoloVerify : public VerifierTest {
 protected:
  Json json(std::vector<std::string> arguments, ExitCode expected) {
    arguments.insert(arguments.begin(), "verify");
    arguments.emplace_back("--json");
    const Finished finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, expected) << finished.out << finished.err;
    auto value = Json::parse(finished.out, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << finished.out << finished.err;
    return value;
  }

  /// `solo verify --watch` until SIGINT.
  std::unique_ptr<Child> watch(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv{SOLO_PATH, "verify", "--watch"};
    argv.insert(argv.end(), more.begin(), more.end());
    return std::make_unique<Child>(argv, out(), err(),
                                   std::vector<std::string>{"SOLO_STATE_DIR=" + daemon_.state().string()});
  }
  std::filesystem::path out() const { return files_.path() / "out"; }
  std::filesystem::path err() const { return files_.path() / "err"; }
  std::size_t count(const std::string& text) const {
    const std::string all = read_file(out());
    std::size_t times = 0;
    for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++times;
    return times;
  }

  const TempDir files_;
};

TEST_F(SoloVerify, TellsInJsonAllThatAReportHolds) {
  start();
  const auto generation = deploy_sleeper("web");
  const Json well = json({}, 0);
  EXPECT_EQ(well["status"], "ok");
  EXPECT_GT(well["time"].get<std::int64_t>(), 1'600'000'000'000'000);
  EXPECT_EQ(well["position"].get<std::string>().substr(0, 2), "0:");
  EXPECT_EQ(well["total_deployed"], 1);
  EXPECT_GE(well["total_events"].get<int>(), 5);
  EXPECT_EQ(well["inconsistencies_found"], 0);
  EXPECT_TRUE(well["inconsistencies"].empty());
  std::map<std::string, int> checked;
  for (const auto& check : well["checked"]) checked[check["code"]] = check["checked"];
  EXPECT_EQ(checked["one_instance"], 1);
  EXPECT_EQ(checked["spec_is_deployed"], 1);
  EXPECT_EQ(checked["views_digest"], 1);
  EXPECT_GE(checked["token_indexes_agree"], 1);

  const Child& stray = spawn_stray({.service = "web", .generation = generation});
  const Json differs = json({}, 1);
  EXPECT_EQ(differs["status"], "warning");
  EXPECT_EQ(differs["inconsistencies_found"], 1);
  const Json& one = differs["inconsistencies"][0];
  EXPECT_EQ(one["code"], "one_instance");
  EXPECT_EQ(one["severity"], "warning");
  EXPECT_EQ(one["tenant"], "acme");
  EXPECT_EQ(one["service"], "web");
  EXPECT_EQ(one["generation"], generation);
  EXPECT_EQ(one["instance"], "stray-1");
  EXPECT_NE(one["expected"], "");
  EXPECT_NE(one["found"].get<std::string>().find(std::to_string(stray.pid())), std::string::npos);
  EXPECT_EQ(one["process"]["pid"], stray.pid());
  EXPECT_GT(one["process"]["start_time"].get<std::uint64_t>(), 0U);
  EXPECT_NE(one["evidence"].get<std::string>().find("started at tick"), std::string::npos);
  EXPECT_EQ(one["action"], "stop");
  EXPECT_EQ(one["repaired"], false);
  EXPECT_NE(one["repair"].get<std::string>().find("was not asked for"), std::string::npos);

  const Json fixed = json({"--fix"}, 0);
  EXPECT_EQ(fixed["repaired"], 1);
  EXPECT_EQ(fixed["inconsistencies"][0]["repair"], "mended: stop");
  EXPECT_EQ(json({}, 0)["inconsistencies_found"], 0);
}

TEST_F(SoloVerify, ToldWronglyOrWithoutADaemonSaysSo) {
  const Json unreachable = json({"--timeout", "1s"}, 3);
  EXPECT_EQ(unreachable["error"]["code"], "unavailable") << unreachable;
  const Json wrong = json({"--fix", "--dry-run"}, 2);
  EXPECT_EQ(wrong["error"]["code"], "invalid_argument");
}

TEST_F(SoloVerify, AReplayOfOneTenantsPartIsWronglyAsked) {
  start();
  const Json wrong = json({"--tenant", "acme", "--rebuild"}, 2);
  EXPECT_EQ(wrong["error"]["code"], "invalid_argument");
  EXPECT_NE(wrong["error"]["hint"], "");
}

TEST_F(SoloVerify, ATokenThatMayNotVerifyIsToldFromADifference) {
  start();
  const Finished granted = solo({"token", "grant", "--tenant", "acme", "--permission", "read"});
  ASSERT_EQ(granted.code, 0) << granted.err;
  const std::string token = granted.out.substr(0, granted.out.find('\n'));
  const Json refused = json({"--tenant", "acme", "--token", token}, 1);
  EXPECT_EQ(refused["error"]["code"], "permission_denied") << refused;
  EXPECT_FALSE(refused.contains("status"));
}

TEST_F(SoloVerify, WatchesUntilItIsInterruptedAndEndsWithWhatItSawLast) {
  start();
  const auto generation = deploy_sleeper("web");
  const auto watching = watch();
  ASSERT_TRUE(eventually([&] { return count("status") >= 1; })) << read_file(err());
  EXPECT_EQ(count("one_instance"), 0U);
  spawn_stray({.service = "web", .generation = generation});
  ASSERT_TRUE(eventually([&] { return count("one_instance") >= 1; })) << read_file(out()) << read_file(err());
  EXPECT_FALSE(watching->wait(std::chrono::milliseconds(100)));
  watching->signal(SIGINT);
  EXPECT_EQ(watching->wait(std::chrono::seconds(10)), 1) << read_file(err());
  EXPECT_EQ(read_file(err()), "");

  EXPECT_EQ(solo({"verify", "--fix"}).code, 0);
  std::filesystem::remove(out());
  const auto well = watch({"--json"});
  ASSERT_TRUE(eventually([&] { return count("\n") >= 2; })) << read_file(err());
  well->signal(SIGINT);
  EXPECT_EQ(well->wait(std::chrono::seconds(10)), 0) << read_file(err());
  std::istringstream reports(read_file(out()));
  std::string line;
  while (std::getline(reports, line)) EXPECT_EQ(Json::parse(line)["status"], "ok") << line;
}

TEST_F(SoloVerify, WatchEndsWhenTheDaemonDoes) {
  start();
  const auto watching = watch();
  ASSERT_TRUE(eventually([&] { return count("status") >= 1; })) << read_file(err());
  ASSERT_EQ(daemon_.stop(), 0);
  EXPECT_EQ(watching->wait(std::chrono::seconds(30)), 3) << read_file(err());
}

}  // namespace
}  // namespace solo::testing
