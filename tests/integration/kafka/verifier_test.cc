// The verifier as a process of its own: another reader of the same topic, with views of its own.
#include <signal.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/integration/kafka/kafka_daemon.h"
#include "tests/support/load.h"

namespace solo::testing {
namespace {

class StandaloneVerifier : public ::testing::Test {
 protected:
  std::vector<std::string> command(const Daemon& daemon, const std::string& cluster,
                                   std::vector<std::string> more) const {
    std::vector<std::string> argv{SOLO_VERIFIER_PATH,
                                  "--kafka",
                                  KafkaBroker::shared().bootstrap(),
                                  "--cluster",
                                  cluster,
                                  "--views",
                                  (directory_.path() / "views").string(),
                                  "--addr",
                                  daemon.endpoint(),
                                  "--token-file",
                                  (daemon.state() / "root.token").string()};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  Finished verify(const Daemon& daemon, const std::string& cluster, std::vector<std::string> more) const {
    more.emplace_back("--once");
    return run(command(daemon, cluster, std::move(more)));
  }
  /// What a verifier that goes on has printed.
  std::vector<nlohmann::json> reports() const {
    std::vector<nlohmann::json> all;
    // It may be in the middle of a line.
    const std::string text = read_file(out());
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
    return all;
  }
  std::filesystem::path out() const { return directory_.path() / "verifier.out"; }
  std::filesystem::path err() const { return directory_.path() / "verifier.err"; }

  TempDir directory_;
};

std::map<std::string, std::string> marker_of(pid_t pid) {
  std::map<std::string, std::string> marker;
  const std::string block = read_file("/proc/" + std::to_string(pid) + "/environ");
  for (std::size_t at = 0; at < block.size();) {
    const std::string entry = block.c_str() + at;
    at += entry.size() + 1;
    if (entry.rfind("SOLO_", 0) == 0) marker[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
  }
  return marker;
}

/// A second process with the marker of this one, of an instance of its own.
std::unique_ptr<Child> stray(const Daemon& daemon, pid_t like) {
  auto marker = marker_of(like);
  marker["SOLO_INSTANCE"] = "stray-1";
  std::vector<std::string> environment{"HOME=" + (daemon.state() / "services").string() + "/x"};
  for (const auto& [name, value] : marker) environment.push_back(name + "=" + value);
  const auto out = daemon.state() / "stray.out";
  auto made =
      std::make_unique<Child>(std::vector<std::string>{"/usr/bin/setsid", "/bin/sleep", "1000"}, out, out, environment);
  EXPECT_TRUE(eventually([&] { return has_become(made->pid(), "/bin/sleep"); }));
  return made;
}

TEST_F(StandaloneVerifier, AgreesWithADaemonThatIsWellAndNamesAndMendsWhatIsNot) {
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "verified",
                                {"--log-kafka-partitions", "3", "--verifier-interval-ms", "0"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  ASSERT_TRUE(is_ok(call(daemon, sleeper("1", "web", v1::Wait::done, "acme"))));
  ASSERT_TRUE(is_ok(call(daemon, sleeper("2", "web", v1::Wait::done, "globex"))));
  const Finished well = verify(daemon, "verified", {"--rebuild"});
  EXPECT_EQ(well.code, 0) << well.out << well.err << daemon.log();
  const auto report = nlohmann::json::parse(well.out, nullptr, false);
  ASSERT_FALSE(report.is_discarded()) << well.out;
  EXPECT_EQ(report["status"], "ok");
  EXPECT_EQ(report["total_deployed"], 2);

  const auto processes = daemon.processes();
  ASSERT_EQ(processes.size(), 2U);
  const auto stray_of = stray(daemon, processes.front().pid);
  Child& stray = *stray_of;
  const Finished differs = verify(daemon, "verified", {});
  EXPECT_EQ(differs.code, 1) << differs.out << differs.err;
  EXPECT_NE(differs.out.find("one_instance"), std::string::npos) << differs.out;
  EXPECT_FALSE(stray.wait(milliseconds(200)));
  const Finished fixed = verify(daemon, "verified", {"--fix"});
  EXPECT_EQ(fixed.code, 0) << fixed.out << fixed.err;
  EXPECT_EQ(stray.wait(seconds(10)), 128 + SIGTERM);
  EXPECT_EQ(daemon.processes().size(), 2U);
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

TEST_F(StandaloneVerifier, GoesOnUntilItIsStoppedAndPrintsWhatIsNew) {
  // Its own verifier would end the strays first.
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "watched",
                                {"--log-kafka-partitions", "3", "--verifier-interval-ms", "0"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  ASSERT_TRUE(is_ok(call(daemon, sleeper("1", "web"))));
  const auto pid = daemon.processes().front().pid;
  Child verifier(command(daemon, "watched", {"--interval", "300ms"}), out(), err());
  const auto printed = [&](std::size_t count) { return eventually([&] { return reports().size() == count; }); };
  ASSERT_TRUE(printed(1)) << read_file(err());
  EXPECT_EQ(reports()[0]["status"], "ok");

  auto second = stray(daemon, pid);
  ASSERT_TRUE(printed(2)) << read_file(out()) << read_file(err());
  EXPECT_EQ(reports()[1]["status"], "warning");
  EXPECT_EQ(reports()[1]["inconsistencies"][0]["code"], "one_instance");
  EXPECT_EQ(reports()[1]["inconsistencies"][0]["process"]["pid"], second->pid());
  second.reset();
  ASSERT_TRUE(printed(3)) << read_file(out()) << read_file(err());
  EXPECT_EQ(reports()[2]["status"], "ok");

  // The daemon is away for a while: nothing can be said, and nothing is.
  daemon.kill9();
  EXPECT_TRUE(eventually([&] { return read_file(err()).find("cannot be compared") != std::string::npos; }));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  ASSERT_TRUE(is_ok(call(daemon, sleeper("2", "worker"))));
  second = stray(daemon, pid);
  ASSERT_TRUE(printed(4)) << read_file(out()) << read_file(err());
  EXPECT_EQ(reports()[3]["status"], "warning");
  EXPECT_EQ(reports()[3]["total_deployed"], 2);
  EXPECT_EQ(reports()[3]["inconsistencies_found"], 1);
  verifier.signal(SIGTERM);
  EXPECT_EQ(verifier.wait(seconds(20)), 0) << read_file(err());
  EXPECT_EQ(reports().size(), 4U);
}

// Whoever reads what another has just written knows of more than its own last look at the topic's end.
TEST_F(StandaloneVerifier, HasNothingToSayWhileTheDaemonIsAtWork) {
  Daemon daemon(
      kafka_arguments(KafkaBroker::shared(), "busy", {"--log-kafka-partitions", "3", "--verifier-interval-ms", "200"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  Load load(daemon, 5, 4, 3);
  load.start();
  Child verifier(command(daemon, "busy", {"--interval", "50ms"}), out(), err());
  ASSERT_TRUE(eventually([&] { return !reports().empty(); })) << read_file(err());
  const auto before = load.acknowledged();
  std::this_thread::sleep_for(seconds(8));
  // However little a busy machine comes to in that time.
  EXPECT_TRUE(eventually([&] { return load.acknowledged() > before + 20; })) << daemon.log();
  verifier.signal(SIGTERM);
  EXPECT_EQ(verifier.wait(seconds(30)), 0) << read_file(err());
  load.stop();
  ASSERT_EQ(reports().size(), 1U) << read_file(out());
  EXPECT_EQ(reports()[0]["status"], "ok");
  EXPECT_EQ(read_file(err()), "") << "it could compare all the time";
  EXPECT_EQ(daemon.log().find("does not hold"), std::string::npos) << daemon.log();
}

TEST_F(StandaloneVerifier, OfADaemonThatIsPausedItSaysSoAndNothingElse) {
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "paused", {"--verifier-interval-ms", "0"}));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  ASSERT_TRUE(is_ok(call(daemon, sleeper("1", "web"))));
  const auto pid = daemon.processes().front().pid;
  daemon.child().freeze();
  ::kill(pid, SIGKILL);
  const Finished paused = verify(daemon, "paused", {"--fix"});
  EXPECT_EQ(paused.code, 3) << paused.out << paused.err;
  EXPECT_EQ(paused.out, "");
  EXPECT_NE(paused.err.find("frozen"), std::string::npos) << paused.err;
  daemon.child().thaw();
  EXPECT_TRUE(eventually([&] { return daemon.processes().size() == 1 && daemon.processes().front().pid != pid; }));
  const Finished well = verify(daemon, "paused", {});
  EXPECT_EQ(well.code, 0) << well.out << well.err;
}

TEST_F(StandaloneVerifier, SaysThatTheDaemonCannotBeReached) {
  Daemon daemon(kafka_arguments(KafkaBroker::shared(), "unreached"));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_EQ(daemon.stop(), 0);
  const Finished finished = verify(daemon, "unreached", {});
  EXPECT_EQ(finished.code, 3) << finished.out << finished.err;
  EXPECT_NE(finished.err.find("command.sock"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace solo::testing
