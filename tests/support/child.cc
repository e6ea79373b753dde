#include "tests/support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/support/temp_dir.h"

extern char** environ;

namespace solo::testing {
namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

bool names_same(const std::string& left, const std::string& right) {
  return left.substr(0, left.find('=')) == right.substr(0, right.find('='));
}

std::vector<std::string> with_inherited(std::vector<std::string> wanted) {
  const std::size_t own = wanted.size();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (std::size_t i = 0; i < own; ++i) replaced = replaced || names_same(wanted[i], *entry);
    if (!replaced) wanted.emplace_back(*entry);
  }
  return wanted;
}

}  // namespace

Child::Child(std::vector<std::string> argv, const std::filesystem::path& out, const std::filesystem::path& err,
             std::vector<std::string> environment) {
  auto variables = with_inherited(std::move(environment));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int flags = O_WRONLY | O_CREAT | O_APPEND;
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), flags, 0600);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  const int failed =
      posix_spawn(&pid_, argv.at(0).c_str(), &actions, nullptr, pointers(argv).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    std::fprintf(stderr, "cannot start %s: %s\n", argv.at(0).c_str(), std::strerror(failed));
    std::abort();
  }
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
}

Child::~Child() {
  kill9();
  close(pidfd_);
}

void Child::signal(int number) const {
  if (!ended_) kill(pid_, number);
}

void Child::freeze() const {
  signal(SIGSTOP);
  siginfo_t how{};
  // A parent is told when the last thread has stopped. Its end is left for wait().
  const int failed = waitid(P_PID, static_cast<id_t>(pid_), &how, WSTOPPED | WEXITED | WNOWAIT);
  if (failed != 0 || how.si_code != CLD_STOPPED) {
    std::fprintf(stderr, "process %d ended and was to be frozen\n", pid_);
    std::abort();
  }
}

void Child::thaw() const { signal(SIGCONT); }

std::optional<ExitCode> Child::wait(std::chrono::milliseconds timeout) {
  if (ended_) return ended_;
  pollfd ready{pidfd_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) std::abort();
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended_;
}

ExitCode Child::kill9() {
  signal(SIGKILL);
  while (!wait(std::chrono::seconds(10))) std::fprintf(stderr, "process %d does not die\n", pid_);
  return *ended_;
}

Finished run(std::vector<std::string> argv, std::vector<std::string> environment, std::chrono::milliseconds timeout) {
  TempDir directory;
  const auto out = directory.path() / "out";
  const auto err = directory.path() / "err";
  Child child(std::move(argv), out, err, std::move(environment));
  const auto code = child.wait(timeout);
  const ExitCode ended = code ? *code : child.kill9();
  return Finished{ended, read_file(out), read_file(err)};
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  // A process may end while its file in /proc is read: that ends the file, and is not thrown.
  for (char piece[4096]; file.read(piece, sizeof piece), file.gcount() > 0;) {
    text.append(piece, static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

bool has_become(pid_t pid, const std::string& program) {
  // The arguments end with the same step of the exec that the environment begins with: with these both are final.
  const std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  return line.c_str() == program;
}

void pause_briefly() { usleep(5'000); }

}  // namespace solo::testing
