#include "consumers/linux_process_host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "consumers/descriptor.h"
#include "consumers/exit_watcher.h"
#include "consumers/proc.h"
#include "tests/integration/runtime/processes.h"

namespace solo::consumers::testing {
namespace {

using schemas::ErrorCode;

class LinuxProcessHostTest : public ProcessTest {
 protected:
  LinuxProcessHost host_{LinuxProcessHostOptions{}};
};

TEST_F(LinuxProcessHostTest, RunsAProgramInItsDirectoryAndReportsItsExitStatus) {
  auto process = spawn(host_, shell("pwd; echo problem >&2; exit 3"));
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 3}));
  EXPECT_EQ(read_text(path("out")), directory_.string() + "\nproblem\n");
}

TEST_F(LinuxProcessHostTest, ReportsTheSignalThatEndedAProcess) {
  auto process = spawn(host_, shell("kill -9 $$"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::signaled, SIGKILL}));
}

TEST_F(LinuxProcessHostTest, AProcessIsEndingFromWhenItsEndIsSeen) {
  auto process = spawn(host_, shell("exec sleep 1000"));
  ASSERT_TRUE(process);
  EXPECT_FALSE((*process)->is_ending());
  ::kill((*process)->identity().pid, SIGKILL);
  ASSERT_TRUE(wait_for_exit(host_, **process));
  EXPECT_TRUE((*process)->is_ending());
}

TEST_F(LinuxProcessHostTest, TellsTheEndOfAProcessThatIsWatchedOnlyAfterIt) {
  auto process = spawn(host_, shell("exit 7"));
  ASSERT_TRUE(process);
  ASSERT_TRUE(eventually([&] { return ::kill((*process)->identity().pid, 0) != 0; }));
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 7}));
}

TEST_F(LinuxProcessHostTest, AppendsToTheOutput) {
  for (const char* word : {"one", "two"}) {
    auto process = spawn(host_, shell(std::string("echo ") + word));
    ASSERT_TRUE(process);
    ASSERT_TRUE(wait_for_exit(host_, **process));
  }
  EXPECT_EQ(read_text(path("out")), "one\ntwo\n");
}

TEST_F(LinuxProcessHostTest, AChildSeesNoDescriptorButItsOwnStreams) {
  const Descriptor leaky(::open("/dev/null", O_RDONLY));
  ASSERT_GE(leaky.get(), 3);
  auto process = spawn(host_, shell("ls /proc/$$/fd"));
  ASSERT_TRUE(process);
  ASSERT_TRUE(wait_for_exit(host_, **process));
  EXPECT_EQ(read_text(path("out")), "0\n1\n2\n");
}

TEST_F(LinuxProcessHostTest, AChildGetsExactlyTheEnvironmentItWasGiven) {
  ::setenv("LEAK", "from the daemon", 1);
  auto request = shell("");
  request.argv = {"/usr/bin/env"};
  request.environment = {"B=2", "A=1"};
  auto process = spawn(host_, request);
  ASSERT_TRUE(process);
  ASSERT_TRUE(wait_for_exit(host_, **process));
  EXPECT_EQ(read_text(path("out")), "B=2\nA=1\n");
}

TEST_F(LinuxProcessHostTest, AChildHasDefaultSignalsAndNoneBlocked) {
  ::signal(SIGUSR1, SIG_IGN);
  auto request = shell("");
  request.argv = {"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"};
  auto process = spawn(host_, request);
  ASSERT_TRUE(process);
  ASSERT_TRUE(wait_for_exit(host_, **process));
  // 32 and 33 are glibc's own, which posix_spawn always leaves ignored.
  EXPECT_EQ(read_text(path("out")), "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n");
}

TEST_F(LinuxProcessHostTest, SaysWhichThingIsMissing) {
  auto request = shell("");
  request.argv = {"/nowhere/program"};
  auto result = spawn(host_, request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_EQ(result.error().message, "cannot start /nowhere/program: program not found");

  request = shell("");
  request.directory = "/nowhere";
  result = spawn(host_, request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "cannot start /bin/sh: its directory /nowhere is missing");

  request = shell("");
  request.argv = {path("data").string()};
  std::filesystem::create_directory(path("data"));
  result = spawn(host_, request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::permission_denied);
}

TEST_F(LinuxProcessHostTest, KillsAChildThatHangsBeforeItsExec) {
  make_fifo(path("out"));
  auto result = spawn(host_, shell("true"), 100ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::deadline_exceeded);
  EXPECT_TRUE(result.error().retryable);
  // It is reaped, too.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(LinuxProcessHostTest, ChildrenThatHangBeforeTheirExecHoldUpNobodyElse) {
  constexpr int kHanging = 12;
  make_fifo(path("hangs"));
  std::atomic<int> timed_out = 0;
  for (int i = 0; i < kHanging; ++i) {
    host_.spawn(shell("true", "hangs"), 10s, [&](SpawnResult result) { timed_out += result ? 0 : 1; });
  }
  const auto before = std::chrono::steady_clock::now();
  auto process = spawn(host_, shell("exit 0"));
  ASSERT_TRUE(process);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 8s);
  EXPECT_EQ(timed_out, 0) << "it waited for none of them";
  EXPECT_TRUE(eventually([&] { return timed_out == kHanging; }));
}

TEST_F(LinuxProcessHostTest, EndingTheHostEndsWhatIsHalfSpawned) {
  make_fifo(path("out"));
  std::atomic<int> refused = 0;
  {
    LinuxProcessHost host{LinuxProcessHostOptions{-1, 1, 1}};
    for (int i = 0; i < 2; ++i) {
      host.spawn(shell("true"), 1min, [&](SpawnResult result) {
        refused += !result && result.error().code == ErrorCode::unavailable ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(refused, 2);
}

TEST_F(LinuxProcessHostTest, TheEndOfALeaderEndsItsGroupBeforeItIsReported) {
  auto process = spawn(host_, shell("sleep 300 & echo $!; exit 0"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 0}));
  const pid_t grandchild = std::stoi(read_text(path("out")));
  EXPECT_FALSE(is_running(grandchild));
}

TEST_F(LinuxProcessHostTest, TheEndOfALeaderEndsOtherGroupsOfItsSession) {
  auto process = spawn(host_, shell("exec bash -c 'set -m; sleep 300 & echo $!; exit 0'"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 0}));
  EXPECT_FALSE(is_running(std::stoi(read_text(path("out")))));
}

TEST_F(LinuxProcessHostTest, TheEndOfALeaderEndsWhatLeftItsSessionAndCarriesItsMarkerAndNothingElse) {
  const auto marked = [&](const char* instance, const std::string& rest) {
    auto request = shell("setsid sleep 300 & echo $!; " + rest);
    request.environment.insert(request.environment.end(),
                               {"SOLO_LOG=l", "SOLO_NODE=n", "SOLO_TENANT=acme", "SOLO_SERVICE=web",
                                "SOLO_GENERATION=1", std::string("SOLO_INSTANCE=") + instance});
    request.output = path(instance);
    return request;
  };
  auto other = spawn(host_, marked("other", "wait"));
  ASSERT_TRUE(other);
  ASSERT_TRUE(eventually([&] { return read_text(path("other")).find('\n') != std::string::npos; }));
  auto process = spawn(host_, marked("this", "exit 0"));
  ASSERT_TRUE(process);
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 0}));
  EXPECT_FALSE(is_running(std::stoi(read_text(path("this")))));
  EXPECT_TRUE(is_running(std::stoi(read_text(path("other")))));
  (*other)->signal_group(SIGKILL);
  ASSERT_TRUE(wait_for_exit(host_, **other));
  EXPECT_FALSE(is_running(std::stoi(read_text(path("other")))));
}

TEST_F(LinuxProcessHostTest, ASignalToTheGroupReachesGrandchildren) {
  auto process = spawn(host_, shell("trap '' TERM; sleep 300 & echo $!; wait $!; echo \"grandchild $?\""));
  ASSERT_TRUE(process);
  ASSERT_TRUE(eventually([&] { return read_text(path("out")).find('\n') != std::string::npos; }));
  EXPECT_TRUE((*process)->signal_group(SIGKILL));
  const pid_t grandchild = std::stoi(read_text(path("out")));
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::signaled, SIGKILL}));
  EXPECT_FALSE(is_running(grandchild));
}

TEST_F(LinuxProcessHostTest, ManyThatAreAskedToEndTogetherEachEndOnceAndLeaveNothing) {
  constexpr int kServices = 30;
  std::vector<std::unique_ptr<Process>> processes;
  std::atomic<int> ended = 0;
  for (int i = 0; i < kServices; ++i) {
    auto process = spawn(host_, shell("exec bash -c 'set -m; sleep 300 & echo $!; wait'", "out" + std::to_string(i)));
    ASSERT_TRUE(process);
    host_.watch(**process, [&](Exit end) {
      if (end == Exit{ExitKind::signaled, SIGKILL}) ++ended;
    });
    processes.push_back(std::move(*process));
  }
  std::vector<pid_t> grandchildren;
  for (int i = 0; i < kServices; ++i) {
    const auto output = path("out" + std::to_string(i));
    ASSERT_TRUE(eventually([&] { return read_text(output).find('\n') != std::string::npos; }));
    grandchildren.push_back(std::stoi(read_text(output)));
  }
  {
    const auto many = host_.asking_many_to_end();
    for (const auto& process : processes) EXPECT_TRUE(process->signal_group(SIGKILL));
  }
  EXPECT_TRUE(eventually([&] { return ended == kServices; })) << ended;
  for (const pid_t grandchild : grandchildren) EXPECT_FALSE(is_running(grandchild));
}

TEST_F(LinuxProcessHostTest, OneThatDoesNotEndWhenAskedHoldsUpNobodyElse) {
  auto stubborn = spawn(host_, shell("trap '' TERM; echo ready; while :; do sleep 300; done", "stubborn"));
  ASSERT_TRUE(stubborn);
  ASSERT_TRUE(eventually([&] { return read_text(path("stubborn")).find("ready") != std::string::npos; }));
  auto other = spawn(host_, shell("exec sleep 300"));
  ASSERT_TRUE(other);
  const auto many = host_.asking_many_to_end();
  EXPECT_TRUE((*stubborn)->signal(SIGTERM));
  EXPECT_TRUE((*stubborn)->signal_group(SIGTERM));
  EXPECT_TRUE((*other)->signal_group(SIGTERM));
  EXPECT_EQ(wait_for_exit(host_, **other), (Exit{ExitKind::signaled, SIGTERM}));
  EXPECT_TRUE(is_running((*stubborn)->identity().pid));
  EXPECT_TRUE((*stubborn)->signal_group(SIGKILL));
  EXPECT_TRUE(wait_for_exit(host_, **stubborn));
}

TEST_F(LinuxProcessHostTest, SeesTheEndOfWhatEpollWouldNotTake) {
  std::atomic<bool> refuses = true;
  ExitWatcher watcher([](pid_t) {},
                      [&](int epoll, int operation, int descriptor, epoll_event* event) {
                        if (operation == EPOLL_CTL_ADD && refuses) return errno = ENOSPC, -1;
                        return ::epoll_ctl(epoll, operation, descriptor, event);
                      });
  const auto ends = [&](const std::function<void()>& before) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setpgid(0, 0);
      for (;;) ::pause();
    }
    ::setpgid(pid, pid);
    const auto watched = std::make_shared<WatchedProcess>();
    watched->child = true;
    watched->identity = proc::identity_of(pid).value();
    watched->pidfd = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    std::atomic<bool> told = false;
    watcher.add(watched);
    watcher.tell(watched, [&](Exit end) { told = end == Exit{ExitKind::signaled, SIGKILL}; });
    before();
    ::kill(pid, SIGKILL);
    return eventually([&] { return told.load(); });
  };
  EXPECT_TRUE(ends([] {}));
  EXPECT_TRUE(ends([&] { refuses = false; })) << "taken as soon as it can be";
}

TEST_F(LinuxProcessHostTest, AnEndedProcessIsNotSignalled) {
  auto process = spawn(host_, shell("exit 0"));
  ASSERT_TRUE(process);
  ASSERT_TRUE(wait_for_exit(host_, **process));
  EXPECT_FALSE((*process)->signal(SIGTERM));
  EXPECT_FALSE((*process)->signal_group(SIGTERM));
}

TEST_F(LinuxProcessHostTest, AdoptsAProcessThatIsNoChildAndSeesItsEnd) {
  ForkedProcess owner([&] {
    LinuxProcessHost host{LinuxProcessHostOptions{}};
    auto process = spawn(host, shell("sleep 300 & wait"));
    ::pause();
  });
  ASSERT_TRUE(eventually([&] { return found().size() == 2; }));
  owner.kill();
  const auto scanned = host_.scan(log_, "node-1");
  ASSERT_TRUE(scanned);
  ASSERT_EQ(scanned->size(), 2);
  const auto leader = std::find_if(scanned->begin(), scanned->end(), [](const auto& one) { return one.leader; });
  ASSERT_NE(leader, scanned->end());
  EXPECT_EQ(leader->marker, marker());
  auto adopted = host_.adopt(leader->identity, leader->marker);
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_TRUE((*adopted)->signal(SIGKILL));
  EXPECT_EQ(wait_for_exit(host_, **adopted), Exit{});
  // Its own child was left in its session, and goes with it.
  EXPECT_TRUE(eventually([&] { return found().empty(); }));
}

TEST_F(LinuxProcessHostTest, APidThatMeansAnotherProcessIsNotAdopted) {
  auto process = spawn(host_, shell("sleep 300"));
  ASSERT_TRUE(process);
  Identity other = (*process)->identity();
  other.start_time += 1;
  EXPECT_EQ(host_.adopt(other, std::nullopt).error().code, ErrorCode::not_found);
  other = (*process)->identity();
  other.boot_id = "another boot";
  EXPECT_EQ(host_.adopt(other, std::nullopt).error().code, ErrorCode::not_found);
  EXPECT_TRUE(is_running((*process)->identity().pid));
  (*process)->signal_group(SIGKILL);
  EXPECT_TRUE(wait_for_exit(host_, **process));
}

TEST_F(LinuxProcessHostTest, FindsOnlyProcessesOfItsLogAndNode) {
  auto process = spawn(host_, shell("exec sleep 300"));
  ASSERT_TRUE(process);
  EXPECT_EQ(host_.scan(log_, "node-1")->size(), 1);
  EXPECT_TRUE(host_.scan(log_, "node-2")->empty());
  EXPECT_TRUE(host_.scan("another-log", "node-1")->empty());
}

TEST_F(LinuxProcessHostTest, AProgramThatIsStillBeingWrittenIsStartedOnceItIsClosed) {
  const auto program = path("program");
  Descriptor file(::open(program.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
  const std::string text = "#!/bin/sh\nexit 4\n";
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  auto request = shell("");
  request.argv = {program.string()};
  std::atomic<bool> spawned = false;
  std::thread closer([&] {
    // The spawner has met the open file by then, or meets a closed one: both must end well.
    eventually([&] { return spawned.load(); }, 50ms);
    file.reset();
  });
  auto process = spawn(host_, request);
  spawned = true;
  closer.join();
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(wait_for_exit(host_, **process), (Exit{ExitKind::exited, 4}));
}

}  // namespace
}  // namespace solo::consumers::testing
