// The broker that other tests stand on: it can be killed, frozen and started again, and is never left behind.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/kafka_broker.h"

namespace solo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(KafkaBroker, ComesBackOnItsPortAfterKill9) {
  KafkaBroker& broker = KafkaBroker::shared();
  const std::string bootstrap = broker.bootstrap();
  broker.kill9();
  broker.start();
  EXPECT_EQ(broker.bootstrap(), bootstrap);
}

/// As ps shows it, a letter per thread.
std::string thread_states(const std::string& pid) {
  std::string states;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    const std::string stat = read_file(thread.path() / "stat");
    states += stat.substr(stat.rfind(')') + 2, 1);
  }
  return states;
}

TEST(KafkaBroker, IsFrozenInEveryThreadWhenFreezeReturnsHoweverBusyTheMachineIs) {
  KafkaBroker& broker = KafkaBroker::shared();
  const std::string file = read_file(broker.data().parent_path() / "pid");
  const std::string pid = file.substr(0, file.find('\n'));
  std::atomic<bool> done = false;
  std::vector<std::thread> busy(2 * std::thread::hardware_concurrency());
  for (auto& thread : busy)
    thread = std::thread([&] {
      while (!done) continue;
    });
  for (int round = 0; round < 20; ++round) {
    broker.freeze();
    const auto states = thread_states(pid);
    EXPECT_GT(states.size(), 10U);
    EXPECT_EQ(states, std::string(states.size(), 'T'));
    broker.thaw();
  }
  done = true;
  for (auto& thread : busy) thread.join();
  EXPECT_TRUE(broker.wait_until_it_answers());
}

TEST(KafkaBroker, AnswersNothingWhileFrozen) {
  KafkaBroker& broker = KafkaBroker::shared();
  broker.freeze();
  EXPECT_FALSE(broker.wait_until_it_answers(seconds(1)));
  broker.thaw();
  EXPECT_TRUE(broker.wait_until_it_answers());
}

TEST(KafkaBroker, HandsOutTheSettingsOfASecuredListener) {
  KafkaBroker broker({.version = {}, .sasl_ssl = true, .settings = {}});
  const auto properties = broker.client_properties();
  EXPECT_EQ(properties.at("security.protocol"), "sasl_ssl");
  EXPECT_EQ(properties.at("sasl.username"), "solo");
  EXPECT_TRUE(std::filesystem::exists(properties.at("ssl.ca.location")));
}

TEST(KafkaBroker, KeepsTheSettingsItWasGivenUntilTheyAreTakenBack) {
  TempDir directory;
  const auto kafka = directory.path() / "kafka";
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> argv{SOLO_KAFKA_BROKER_SCRIPT, "start", "--dir", kafka.string()};
    argv.insert(argv.end(), more.begin(), more.end());
    const auto started = run(argv);
    EXPECT_EQ(started.code, 0) << started.err;
    EXPECT_EQ(run({SOLO_KAFKA_BROKER_SCRIPT, "stop", "--now", "--dir", kafka.string()}).code, 0);
    return started.err + read_file(kafka / "server.properties");
  };
  const auto has = [](const std::string& text, const char* words) { return text.find(words) != std::string::npos; };
  with({"--set", "log.flush.interval.messages=1", "--set", "num.io.threads=3"});
  const auto again = with({"--set", "num.io.threads=5"});
  EXPECT_TRUE(has(again, "\nlog.flush.interval.messages=1\n")) << again;
  EXPECT_TRUE(has(again, "\nnum.io.threads=5\n")) << again;
  EXPECT_FALSE(has(again, "\nnum.io.threads=3\n")) << again;
  EXPECT_TRUE(has(again, "kept in")) << again;
  const auto less = with({"--set", "log.flush.interval.messages="});
  EXPECT_FALSE(has(less, "log.flush.interval.messages")) << less;
  EXPECT_TRUE(has(less, "\nnum.io.threads=5\n")) << less;
}

TEST(KafkaBroker, DiesAndLeavesNothingWhenTheTestProgramIsKilled) {
  TempDir directory;
  const auto report = directory.path() / "report";
  const pid_t program = fork();
  if (program == 0) {
    KafkaBroker broker;
    std::ofstream(report) << broker.data().parent_path().parent_path().string() << std::flush;
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(program, &status, 0), program);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const std::filesystem::path left = read_file(report);
  ASSERT_FALSE(left.empty());
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(left); }, seconds(60)));
  // Nobody has its directory among his arguments.
  EXPECT_TRUE(eventually([&] {
    return run({"/usr/bin/pgrep", "-f", (left / "kafka" / "server.properties").string()}).code == 1;
  }));
}

}  // namespace
}  // namespace solo::testing
