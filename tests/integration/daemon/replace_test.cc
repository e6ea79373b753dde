// A replacement in every phase: what runs is what the last good order said, once, and each order is told its outcome.
#include <signal.h>

#include <thread>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

using v1::ServiceState;

std::size_t occurrences(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

class Replacement : public Orders {
 protected:
  /// The compiler waits until `release()`, then does as `script` says.
  void start_with_slow_compiler(const std::string& script = kCompileToSleep) {
    daemon_.set_arguments(
        with_compiler("touch \"$(dirname \"$0\")/compiling\"\n"
                      "while [ ! -e \"$(dirname \"$0\")/release\" ]; do sleep 0.02; done\n" +
                      script));
    start();
    ASSERT_TRUE(deploy("web", sleeper()).ok) << daemon_.log();
    first_ = status("web");
  }
  bool compiling() {
    return eventually([&] { return std::filesystem::exists(files_.path() / "compiling"); });
  }
  void release() { std::ofstream(files_.path() / "release") << ""; }

  /// One process, of that generation.
  void expect_one_of(std::uint64_t generation) {
    EXPECT_TRUE(eventually([&] {
      const auto running = daemon_.processes();
      return running.size() == 1 && running.front().generation == generation;
    })) << daemon_.processes().size()
        << " processes\n"
        << daemon_.log();
  }

  v1::ServiceStatusT first_;
};

TEST_F(Replacement, ThatDoesNotCompileLeavesTheRunningOneAloneAndGivesTheCompilersWords) {
  start();
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  const auto before = status("web");
  const auto reply = replace("web", cxx_spec("int main() { return nothing; }"));
  ASSERT_FALSE(reply.ok);
  EXPECT_EQ(reply.error->code, v1::ErrorCode::failed_precondition);
  EXPECT_NE(reply.error->message.find("nothing"), std::string::npos) << reply.error->message;
  EXPECT_EQ(status("web").pid, before.pid);
  EXPECT_EQ(status("web").pending_generation, 0U);
  expect_one_of(before.generation);
}

TEST_F(Replacement, WhoseProgramIsMissingLeavesTheRunningOneAlone) {
  start();
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  const auto before = status("web");
  const auto reply = replace("web", exec_spec({"/nowhere/program"}));
  ASSERT_FALSE(reply.ok);
  EXPECT_EQ(reply.error->code, v1::ErrorCode::failed_precondition);
  EXPECT_NE(reply.error->message.find("/nowhere/program"), std::string::npos) << reply.error->message;
  EXPECT_EQ(status("web").pid, before.pid);
  expect_one_of(before.generation);
  // Whoever did not wait for the answer finds it there, until a later one succeeds.
  const auto after = status("web");
  EXPECT_EQ(after.failed_generation, before.generation + 1);
  EXPECT_NE(after.failed_reason.find("/nowhere/program"), std::string::npos) << after.failed_reason;
  ASSERT_TRUE(replace("web", sleeper()).ok);
  EXPECT_EQ(status("web").failed_generation, 0U);
}

TEST_F(Replacement, TakesPlaceAlthoughTheOldOneCrashesMeanwhile) {
  ASSERT_NO_FATAL_FAILURE(start_with_slow_compiler());
  ASSERT_TRUE(replace("web", cxx_spec("int main() {}"), v1::Wait::applied).ok);
  ASSERT_TRUE(compiling());
  kill(first_.pid, SIGKILL);
  ASSERT_TRUE(eventually([&] { return status("web").restarts == 1 && status("web").state == ServiceState::running; }));
  EXPECT_EQ(status("web").generation, first_.generation) << "it runs on under its own policy";
  expect_one_of(first_.generation);
  release();
  ASSERT_TRUE(eventually([&] { return status("web").generation == first_.generation + 1; })) << daemon_.log();
  EXPECT_EQ(status("web").restarts, 0U);
  expect_one_of(first_.generation + 1);
}

TEST_F(Replacement, IsSupersededByASecondOneAndToldSo) {
  ASSERT_NO_FATAL_FAILURE(start_with_slow_compiler());
  auto first = std::thread([&] {
    auto request = deploy_request("r-1", "acme", "web", cxx_spec("int main() {}"));
    request.body.AsDeploy()->replace = true;
    const auto reply = daemon_.client()->call(std::move(request));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_FALSE(reply->ok);
    EXPECT_EQ(reply->error->code, v1::ErrorCode::failed_precondition);
    EXPECT_NE(reply->error->message.find("superseded"), std::string::npos) << reply->error->message;
  });
  EXPECT_TRUE(compiling());
  const auto second = replace("web", exec_spec({"/bin/sleep", "2000000"}));
  EXPECT_TRUE(second.ok) << daemon_.log();
  first.join();
  expect_one_of(first_.generation + 2);
  release();
  EXPECT_EQ(status("web").generation, first_.generation + 2);
  EXPECT_EQ(status("web").pending_generation, 0U);
}

TEST_F(Replacement, ThousandsOfTimesStartsAFewAndTheLastOneAndAKillAtTheirEndIsObeyed) {
  start();
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  const auto started = [&] { return occurrences(daemon_.log(), "web runs as process"); };
  const auto begin = std::chrono::steady_clock::now();
  int orders = 0;
  // However little a busy machine comes to in that time.
  const auto goes_on = [&] {
    const auto passed = std::chrono::steady_clock::now() - begin;
    return passed < std::chrono::seconds(2) || (started() <= 3 && passed < std::chrono::seconds(60));
  };
  for (; goes_on(); ++orders) {
    ASSERT_TRUE(replace("web", sleeper(), v1::Wait::applied).ok) << daemon_.log();
  }
  const auto last = replace("web", sleeper());
  EXPECT_TRUE(last.ok) << daemon_.log();
  const std::chrono::duration<double> length = std::chrono::steady_clock::now() - begin;
  const auto running = status("web");
  EXPECT_EQ(running.generation, static_cast<std::uint64_t>(orders) + 2);
  expect_one_of(running.generation);
  // Ten at once, five a second, and the deploy.
  EXPECT_LE(started(), 11 + 5 * length.count() + 1) << orders << " orders";
  EXPECT_GT(started(), 3U);
  for (int order = 0; order < 100; ++order) ASSERT_TRUE(replace("web", sleeper(), v1::Wait::applied).ok);
  EXPECT_TRUE(call(kill_request({}, "acme", "web")).ok) << daemon_.log();
  EXPECT_TRUE(daemon_.processes().empty());
}

TEST_F(Replacement, IsEndedByAKillTogetherWithTheOldOne) {
  ASSERT_NO_FATAL_FAILURE(start_with_slow_compiler());
  ASSERT_TRUE(replace("web", cxx_spec("int main() {}"), v1::Wait::applied).ok);
  ASSERT_TRUE(compiling());
  EXPECT_TRUE(call(kill_request({}, "acme", "web")).ok) << daemon_.log();
  EXPECT_TRUE(daemon_.processes().empty());
  release();
  ASSERT_TRUE(deploy("other", sleeper()).ok);
  EXPECT_EQ(daemon_.processes().size(), 1U) << "nothing came of it later";
  EXPECT_EQ(status("web").state, ServiceState::killed);
}

TEST_F(Replacement, SurvivesTheHostsDeathWhileItIsPrepared) {
  ASSERT_NO_FATAL_FAILURE(start_with_slow_compiler());
  ASSERT_TRUE(replace("web", cxx_spec("int main() {}"), v1::Wait::applied).ok);
  ASSERT_TRUE(compiling());
  kill_everything();
  start();
  // The old one is back before the new one is ready; then the new one takes its place.
  expect_one_of(first_.generation);
  EXPECT_EQ(status("web").state, ServiceState::running);
  EXPECT_EQ(status("web").pending_generation, first_.generation + 1);
  release();
  ASSERT_TRUE(eventually([&] { return status("web").generation == first_.generation + 1; })) << daemon_.log();
  expect_one_of(first_.generation + 1);
}

TEST_F(Replacement, SurvivesTheDaemonsDeathWhileTheOldOneIsBeingStopped) {
  start();
  ASSERT_TRUE(deploy("web", stubborn(3'000)).ok);
  const auto before = status("web");
  ASSERT_TRUE(eventually_says("web", "ready"));
  ASSERT_TRUE(replace("web", sleeper(), v1::Wait::applied).ok);
  ASSERT_TRUE(eventually_says("web", "asked"));
  client_.reset();
  daemon_.kill9();
  kill(before.pid, SIGKILL);
  start();
  ASSERT_TRUE(eventually([&] { return status("web").generation == before.generation + 1; })) << daemon_.log();
  EXPECT_TRUE(eventually_in("web", ServiceState::running));
  expect_one_of(before.generation + 1);
}

}  // namespace
}  // namespace solo::testing
