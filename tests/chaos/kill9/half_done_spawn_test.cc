// A child that is held between fork and exec when its daemon is killed: it carries no marker yet, so nobody could find
// it. Whoever starts next has to wait until it has become a service or has died. The same for a daemon of root, who may
// look into every process, and for one of an ordinary user, who may not even look into its own children before their
// exec: they have the daemon's memory, which is closed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

/// The children of any of the process's threads.
std::string children_of(pid_t pid) {
  std::string all;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    all += read_file(task.path() / "children");
  }
  return all;
}

enum class User { own, ordinary };

class HalfDoneSpawn : public ::testing::TestWithParam<User> {
 protected:
  void SetUp() override {
    if (GetParam() == User::ordinary) daemon_.run_as_ordinary_user();
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    // Opening a FIFO for writing blocks until somebody reads: the child stops there, before its exec.
    const auto home = daemon_.state() / "services" / "acme" / "held";
    std::filesystem::create_directories(home);
    ASSERT_EQ(mkfifo(output().c_str(), 0600), 0);
    for (const auto& path : {home.parent_path().parent_path(), home.parent_path(), home, output()}) {
      daemon_.give_to_user(path);
    }
  }

  std::filesystem::path output() const { return daemon_.state() / "services" / "acme" / "held" / "output.log"; }

  void deploy_held(v1::Wait wait, std::uint32_t startup_timeout_ms, v1::ReplyT& reply) {
    auto spec = exec_spec({"/bin/sleep", "1000000"});
    spec.restart_limits.ensure().startup_timeout_ms = startup_timeout_ms;
    auto answer = daemon_.client()->call(deploy_request("d1", "acme", "held", std::move(spec), wait));
    ASSERT_TRUE(answer) << answer.error().message << daemon_.log();
    reply = *std::move(answer);
  }
  void kill_while_held() {
    v1::ReplyT reply;
    ASSERT_NO_FATAL_FAILURE(deploy_held(v1::Wait::accepted, 60'000, reply));
    ASSERT_TRUE(reply.ok);
    ASSERT_TRUE(eventually([&] { return !children_of(daemon_.child().pid()).empty(); })) << daemon_.log();
    ASSERT_TRUE(daemon_.processes().empty());
    daemon_.kill9();
    daemon_.launch();
    ASSERT_TRUE(eventually([&] { return daemon_.log().find("waiting for process") != std::string::npos; }))
        << daemon_.log();
  }
  bool runs_once() {
    v1::RequestT request;
    request.tenant = "acme";
    v1::StatusT status;
    status.service = "held";
    request.body.Set(std::move(status));
    auto answer = daemon_.client()->call(std::move(request));
    const auto* body = answer ? answer->body.AsServiceStatus() : nullptr;
    const auto found = daemon_.processes();
    return body != nullptr && body->state == v1::ServiceState::running && found.size() == 1 &&
           found.front().pid == body->pid;
  }
  void expect_one_instance_until_the_end() {
    EXPECT_TRUE(eventually([&] { return runs_once(); })) << daemon_.processes().size() << " processes\n"
                                                         << daemon_.log();
    EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
    EXPECT_TRUE(daemon_.processes().empty());
  }

  Daemon daemon_;
};

INSTANTIATE_TEST_SUITE_P(As, HalfDoneSpawn, ::testing::Values(User::own, User::ordinary),
                         [](const auto& as) { return as.param == User::own ? "ThisUser" : "AnOrdinaryUser"; });

TEST_P(HalfDoneSpawn, OfAKilledDaemonEndsInOneInstance) {
  ASSERT_NO_FATAL_FAILURE(kill_while_held());
  const int reader = open(output().c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(daemon_.wait_until_ok()) << daemon_.log();
  expect_one_instance_until_the_end();
  close(reader);
}

TEST_P(HalfDoneSpawn, ThatIsNeverLetGoIsKilledByTheNextDaemon) {
  ASSERT_NO_FATAL_FAILURE(kill_while_held());
  // The child goes on waiting for a reader; the next one finds a place for its output.
  std::filesystem::remove(output());
  ASSERT_TRUE(daemon_.wait_until_ok(std::chrono::seconds(60))) << daemon_.log();
  expect_one_instance_until_the_end();
}

TEST_P(HalfDoneSpawn, IsGivenUpAfterItsTimeAndHoldsNothingUp) {
  v1::ReplyT reply;
  ASSERT_NO_FATAL_FAILURE(deploy_held(v1::Wait::done, 300, reply));
  EXPECT_FALSE(reply.ok);
  ASSERT_TRUE(reply.error);
  EXPECT_NE(reply.error->message.find("not running after 300 ms"), std::string::npos) << reply.error->message;
  EXPECT_EQ(children_of(daemon_.child().pid()), "");
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
}

}  // namespace
}  // namespace solo::testing
