// An embedded log that was brought back from a copy older than the views.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

class OlderLog : public ::testing::Test {
 protected:
  void deploy(const std::string& service) {
    const auto client = daemon_.client();
    const auto reply =
        client->call(deploy_request("d-" + service, "acme", service, exec_spec({"/bin/sleep", "100000"})));
    ASSERT_TRUE(reply && reply->ok) << daemon_.log();
  }
  Finished solo(std::vector<std::string> words) const {
    words.insert(words.begin(), {SOLO_PATH, "--state-dir", daemon_.state().string()});
    return run(std::move(words));
  }
  void expect_refused() {
    daemon_.launch();
    EXPECT_EQ(daemon_.child().wait(std::chrono::seconds(30)), 1) << daemon_.log();
  }

  Daemon daemon_;
};

TEST_F(OlderLog, IsRefusedAndGoneOnWithOnlyByWhoNamesWhatIsLostAndTheLogSaysSo) {
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  deploy("kept");
  ASSERT_EQ(daemon_.stop(), 0) << daemon_.log();
  const auto log = daemon_.state() / "log";
  const auto copy = daemon_.state().parent_path() / "copy";
  std::filesystem::copy(log, copy, std::filesystem::copy_options::recursive);
  const auto end = solo({"log", "read", "-1"}).out;
  const std::string last = end.substr(end.find("0:"), end.find(' ', end.find("0:")) - end.find("0:"));
  const std::string from = "0:" + std::to_string(std::stoi(last.substr(2)) + 1);
  EXPECT_EQ(solo({"view", "rebuild", "--accept-lost-tail", from}).code, 1) << "nothing is lost yet";
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  deploy("lost");
  EXPECT_EQ(solo({"view", "rebuild"}).code, 1) << "a daemon is running";
  ASSERT_EQ(daemon_.stop(), 0) << daemon_.log();
  std::filesystem::remove_all(log);
  std::filesystem::rename(copy, log);

  expect_refused();
  EXPECT_NE(daemon_.log().find("--accept-lost-tail " + from + " "), std::string::npos) << from << daemon_.log();
  // A rebuild alone hides nothing.
  EXPECT_EQ(solo({"view", "rebuild"}).code, 0);
  expect_refused();
  const auto wrong = solo({"view", "rebuild", "--accept-lost-tail", "0:1"});
  EXPECT_EQ(wrong.code, 1) << wrong.out;
  EXPECT_NE(wrong.err.find("it is " + from), std::string::npos) << wrong.err;
  EXPECT_EQ(solo({"view", "rebuild", "--accept-lost-tail", "nonsense"}).code, 2);
  expect_refused();
  const auto accepted = solo({"view", "rebuild", "--accept-lost-tail", from});
  EXPECT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_NE(accepted.out.find("given up"), std::string::npos) << accepted.out;

  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  EXPECT_TRUE(eventually([&] {
    return solo({"log", "read"}).out.find("LostTailAccepted") != std::string::npos;
  })) << daemon_.log();
  EXPECT_NE(solo({"log", "read"}).out.find("without the records from " + from), std::string::npos);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(daemon_.state() / "views" / "rebuild"); }));
  EXPECT_FALSE(std::filesystem::exists(daemon_.state() / "lost-tail"));
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 1; }));
  EXPECT_EQ(daemon_.processes().front().service, "kept");
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

TEST(ViewRebuild, BuildsTheSameViewsFromTheLogAndServicesRunOn) {
  Daemon daemon({"--shutdown-services", "leave"});
  ASSERT_TRUE(daemon.start()) << daemon.log();
  {
    const auto client = daemon.client();
    const auto reply = client->call(deploy_request("1", "acme", "web", exec_spec({"/bin/sleep", "100000"})));
    ASSERT_TRUE(reply && reply->ok) << daemon.log();
  }
  ASSERT_EQ(daemon.stop(), 0) << daemon.log();
  const auto before = daemon.processes();
  ASSERT_EQ(before.size(), 1u);
  const auto rebuilt = run({SOLO_PATH, "view", "rebuild", "--state-dir", daemon.state().string()});
  EXPECT_EQ(rebuilt.code, 0) << rebuilt.err;
  EXPECT_TRUE(std::filesystem::exists(daemon.state() / "views.old-1" / "0"));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_NE(daemon.log().find("views built from the log's first record on"), std::string::npos) << daemon.log();
  const auto after = daemon.processes();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after.front().pid, before.front().pid);
  EXPECT_EQ(run({SOLO_PATH, "log", "read", "--state-dir", daemon.state().string()}).out.find("LostTailAccepted"),
            std::string::npos);
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(daemon.state() / "views" / "rebuild"));
  daemon.kill_services();
}

}  // namespace
}  // namespace solo::testing
