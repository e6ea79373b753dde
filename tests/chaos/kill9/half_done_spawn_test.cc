// A child that is held between fork and exec when its daemon is killed: it carries no marker yet, so nobody could find
// it. Whoever starts next has to wait until it has become a service or has died.
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

TEST(HalfDoneSpawn, OfAKilledDaemonEndsInOneInstance) {
  Daemon daemon;
  ASSERT_TRUE(daemon.start()) << daemon.log();
  // Opening a FIFO for writing blocks until somebody reads: the child stops there, before its exec.
  const auto home = daemon.state() / "services" / "acme" / "held";
  std::filesystem::create_directories(home);
  const auto output = home / "output.log";
  ASSERT_EQ(mkfifo(output.c_str(), 0600), 0);
  auto reply = daemon.client()->call(
      deploy_request("d1", "acme", "held", exec_spec({"/bin/sleep", "1000000"}), v1::Wait::accepted));
  ASSERT_TRUE(reply && reply->ok);
  ASSERT_TRUE(eventually([&] { return !children_of(daemon.child().pid()).empty(); })) << daemon.log();
  ASSERT_TRUE(daemon.processes().empty());

  daemon.kill9();
  daemon.launch();
  ASSERT_TRUE(eventually([&] { return daemon.log().find("former") != std::string::npos; })) << daemon.log();
  const int reader = open(output.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(daemon.wait_until_ok()) << daemon.log();

  auto client = daemon.client();
  auto running = [&] {
    v1::RequestT request;
    request.tenant = "acme";
    v1::StatusT status;
    status.service = "held";
    request.body.Set(std::move(status));
    auto answer = client->call(std::move(request));
    const auto* body = answer ? answer->body.AsServiceStatus() : nullptr;
    const auto found = daemon.processes();
    return body != nullptr && body->state == v1::ServiceState::running && found.size() == 1 &&
           found.front().pid == body->pid;
  };
  EXPECT_TRUE(eventually(running)) << daemon.processes().size() << " processes\n" << daemon.log();
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
  EXPECT_TRUE(daemon.processes().empty());
  close(reader);
}

}  // namespace
}  // namespace solo::testing
