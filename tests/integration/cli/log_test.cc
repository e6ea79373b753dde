// The log as `solo` shows it, with the daemon running and without.
#include <signal.h>

#include <sstream>

#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

class LogCommands : public CliTest {
 protected:
  void SetUp() override {
    // A verifier's report would be one more record between one look and the next.
    daemon_.set_arguments({"--verifier-interval-ms", "0"});
    start();
    ASSERT_EQ(solo({"deploy", "nap", "--exec", "--", "/usr/bin/sleep", "1000"}).code, 0);
  }
  std::vector<nlohmann::json> read(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"log", "read", "--json"});
    const auto finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::vector<nlohmann::json> records;
    std::istringstream lines(finished.out);
    for (std::string line; std::getline(lines, line);) records.push_back(nlohmann::json::parse(line));
    return records;
  }
};

TEST_F(LogCommands, EveryRecordFromTheGenesisOnIsShownLiveAndStopped) {
  const auto live = read({});
  ASSERT_GE(live.size(), 5U);
  EXPECT_EQ(live[0]["event"]["payload_type"], "SystemInitialized");
  EXPECT_EQ(live[0]["position"], "0:0");
  EXPECT_EQ(daemon_.stop(), 0);
  const auto stopped = read({});
  ASSERT_GT(stopped.size(), live.size());
  for (std::size_t i = 0; i < live.size(); ++i) EXPECT_EQ(stopped[i], live[i]);
  EXPECT_EQ(stopped.back()["event"]["payload_type"], "SystemShutdownComplete");
}

TEST_F(LogCommands, RangesSelect) {
  const auto all = read({});
  EXPECT_EQ(read({"-1"}), std::vector<nlohmann::json>{all.back()});
  EXPECT_EQ(read({"0:2"}).size(), 2U);
  EXPECT_EQ(read({"1:+3"}).size(), 3U);
  EXPECT_EQ(read({"end"}).size(), 0U);
  EXPECT_EQ(read({"@-1h"}).size(), all.size());
  EXPECT_EQ(read({"--of", "acme/nap"}).size(), 2U);
  EXPECT_EQ(solo({"log", "read", "nonsense"}).code, 2);
  EXPECT_EQ(solo({"log", "read", "5:2"}).code, 2);
  EXPECT_EQ(json({"log", "read", "1000"}, 1)["error"]["code"], "not_found");
  const auto nothing = solo({"log", "read", "--of", "acme/other"});
  EXPECT_EQ(nothing.code, 0);
  EXPECT_EQ(nothing.out, "");
  EXPECT_TRUE(holds(nothing.err, "no record of acme/other"));
}

TEST_F(LogCommands, TableIsForPeople) {
  const auto finished = solo({"log", "read"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(holds(finished.out, "POSITION"));
  EXPECT_TRUE(holds(finished.out, "acme/nap"));
  EXPECT_TRUE(holds(finished.out, "exec /usr/bin/sleep 1000"));
}

TEST_F(LogCommands, BoundsAndCheckAgreeWithWhatIsRead) {
  const auto end = read({}).size();
  EXPECT_EQ(json({"log", "bounds"})["partitions"][0]["end"], end);
  EXPECT_EQ(json({"log", "bounds"})["live"], true);
  const auto check = json({"log", "check"});
  EXPECT_EQ(check["sound"], true);
  EXPECT_EQ(check["records"], end);
  ASSERT_EQ(daemon_.stop(), 0);
  EXPECT_EQ(json({"log", "bounds"})["live"], false);
  EXPECT_TRUE(holds(solo({"log", "check"}).out, "sound"));
}

TEST_F(LogCommands, FollowingShowsWhatIsWrittenNextAndEndsWithCtrlC) {
  const auto temporary = files() / "tmp";
  std::filesystem::create_directory(temporary);
  Child follower({SOLO_PATH, "log", "read", "end", "--follow", "--state-dir", daemon_.state()}, files() / "out",
                 files() / "err", {"TMPDIR=" + temporary.string()});
  ASSERT_TRUE(eventually([&] { return read_file(files() / "out").find("POSITION") != std::string::npos; }));
  ASSERT_EQ(solo({"kill", "nap"}).code, 0);
  EXPECT_TRUE(eventually([&] { return read_file(files() / "out").find("ServiceStopped") != std::string::npos; }))
      << read_file(files() / "err");
  follower.signal(SIGINT);
  EXPECT_EQ(follower.wait(std::chrono::seconds(10)), 0);
  EXPECT_TRUE(std::filesystem::is_empty(temporary)) << "it cleaned up";
}

TEST_F(LogCommands, WithoutALogTheyAreNotFound) {
  const std::string nowhere = files() / "nowhere";
  EXPECT_EQ(solo({"log", "read", "--state-dir", nowhere}).code, 1);
  EXPECT_EQ(solo({"log", "bounds", "--state-dir", nowhere}).code, 1);
  EXPECT_EQ(solo({"log", "check", "--state-dir", nowhere}).code, 1);
}

}  // namespace
}  // namespace solo::testing
