#include "consumers/state_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "consumers/descriptor.h"
#include "tests/integration/runtime/processes.h"

namespace solo::consumers::testing {
namespace {

using schemas::ErrorCode;

class StateLockTest : public ProcessTest {
 protected:
  StateLockOptions options(const std::string& run = "run-1") const {
    StateLockOptions result;
    result.directory = path("state");
    result.run = run;
    return result;
  }

  // A daemon that holds the lock and spawns a child whose output is a FIFO nobody reads: the child stays before its
  // exec.
  void be_a_daemon_with_a_half_done_spawn() const {
    auto lock = StateLock::acquire(options());
    if (!lock) return;
    LinuxProcessHost host{LinuxProcessHostOptions{lock->descriptor(), 1, 1, options().run}};
    host.spawn(shell("exec sleep 300", "fifo"), 1min, [](const SpawnResult&) {});
    ::pause();
  }

  // The one child of a process, before its exec.
  static pid_t half_done_child_of(pid_t parent) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(parent) + "/task")) {
      std::ifstream children(task.path() / "children");
      pid_t child = 0;
      if (children >> child) return child;
    }
    return 0;
  }
};

TEST_F(StateLockTest, MakesAPrivateDirectoryAndNamesItsHolder) {
  auto lock = StateLock::acquire(options("run-7"));
  ASSERT_TRUE(lock) << lock.error().message;
  struct stat about {};
  ASSERT_EQ(::stat(path("state").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  const auto holder = read_lock_holder(path("state"));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->identity.pid, ::getpid());
  EXPECT_EQ(holder->run, "run-7");
}

TEST_F(StateLockTest, TheDescriptorGoesWithAnExec) {
  auto lock = StateLock::acquire(options());
  ASSERT_TRUE(lock);
  EXPECT_GT(lock->descriptor(), 2);
  EXPECT_TRUE(::fcntl(lock->descriptor(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(StateLockTest, ALiveDaemonIsNamedAtOnce) {
  ForkedProcess daemon([&] {
    const auto lock = StateLock::acquire(options());
    if (lock) ::pause();
  });
  ASSERT_TRUE(eventually([&] { return read_lock_holder(path("state")).has_value(); }));
  const auto before = std::chrono::steady_clock::now();
  const auto second = StateLock::acquire(options("run-2"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(second.error().message.find("process " + std::to_string(daemon.pid())), std::string::npos);
  // It waits ten seconds for a child of a dead one.
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
}

TEST_F(StateLockTest, ADeadDaemonsLockIsFree) {
  ForkedProcess daemon([&] {
    const auto lock = StateLock::acquire(options());
    if (lock) ::pause();
  });
  ASSERT_TRUE(eventually([&] { return read_lock_holder(path("state")).has_value(); }));
  daemon.kill();
  EXPECT_TRUE(StateLock::acquire(options("run-2")));
}

TEST_F(StateLockTest, ADirectoryWithoutPermissionIsAClearError) {
  if (::geteuid() == 0) {
    // Root may write anywhere but into /proc.
    auto forbidden = options();
    forbidden.directory = "/proc/1/state";
    EXPECT_FALSE(StateLock::acquire(forbidden));
    return;
  }
  std::filesystem::create_directory(path("locked"));
  std::filesystem::permissions(path("locked"), std::filesystem::perms::owner_read);
  auto forbidden = options();
  forbidden.directory = path("locked") / "state";
  const auto lock = StateLock::acquire(forbidden);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ErrorCode::permission_denied);
}

TEST_F(StateLockTest, WaitsForAHalfDoneSpawnOfADeadDaemonAndFindsItThen) {
  make_fifo(path("fifo"));
  ForkedProcess daemon([&] { be_a_daemon_with_a_half_done_spawn(); });
  pid_t child = 0;
  ASSERT_TRUE(eventually([&] { return (child = half_done_child_of(daemon.pid())) != 0; }));
  daemon.kill();
  ASSERT_TRUE(is_running(child));

  std::atomic<bool> has_lock = false;
  std::atomic<bool> waits_for_child = false;
  std::thread second([&] {
    auto waiting = options("run-2");
    waiting.half_done_timeout = 1min;
    waiting.waiting = [&](const std::string& what) {
      waits_for_child = what.find("process " + std::to_string(child) + ",") != std::string::npos;
    };
    const auto lock = StateLock::acquire(waiting);
    has_lock = lock.has_value();
  });
  EXPECT_TRUE(eventually([&] { return waits_for_child.load(); }));
  EXPECT_FALSE(has_lock);
  // Now its output is opened, the child gets to its exec, and that gives the lock up.
  const Descriptor reader(::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  second.join();
  EXPECT_TRUE(has_lock);
  const auto processes = found();
  ASSERT_EQ(processes.size(), 1);
  EXPECT_EQ(processes[0].identity.pid, child);
}

TEST_F(StateLockTest, KillsAHalfDoneSpawnThatStaysSo) {
  make_fifo(path("fifo"));
  ForkedProcess daemon([&] { be_a_daemon_with_a_half_done_spawn(); });
  pid_t child = 0;
  ASSERT_TRUE(eventually([&] { return (child = half_done_child_of(daemon.pid())) != 0; }));
  daemon.kill();
  auto impatient = options("run-2");
  impatient.half_done_timeout = 100ms;
  const auto lock = StateLock::acquire(impatient);
  ASSERT_TRUE(lock) << lock.error().message;
  EXPECT_FALSE(is_running(child));
  EXPECT_TRUE(found().empty());
}

TEST_F(StateLockTest, TheNodesNameIsKeptFromTheFirstStartOn) {
  const auto lock = StateLock::acquire(options());
  ASSERT_TRUE(lock);
  EXPECT_EQ(node_name(path("state"), "east-1")->str(), "east-1");
  EXPECT_EQ(node_name(path("state"), "")->str(), "east-1");
  EXPECT_EQ(node_name(path("state"), "east-1")->str(), "east-1");
  EXPECT_EQ(node_name(path("state"), "west-1").error().code, ErrorCode::failed_precondition);
}

TEST_F(StateLockTest, WithoutAConfiguredNameTheHostsNameIsMadeALabel) {
  const auto lock = StateLock::acquire(options());
  ASSERT_TRUE(lock);
  const auto name = node_name(path("state"), "");
  ASSERT_TRUE(name);
  EXPECT_TRUE(schemas::NodeName::parse(name->str()));
  EXPECT_EQ(node_name(path("state"), "a_b").error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace solo::consumers::testing
