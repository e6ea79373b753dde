// A program started by a test: its output goes to files, and it is dead and reaped when this is gone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace solo::testing {

/// As the shell tells it: the exit status, or 128 + the signal's number.
using ExitCode = int;

class Child {
 public:
  /// Starts argv[0] (a path) with this test's environment and `environment` on top; stdin is /dev/null. stdout and
  /// stderr are appended to the files. Aborts the test program if it cannot.
  Child(std::vector<std::string> argv, const std::filesystem::path& out, const std::filesystem::path& err,
        std::vector<std::string> environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// SIGSTOP; when this returns, no thread of it runs any more. signal() returns before: until the thread that takes
  /// the signal has had its turn, the others go on. Aborts the test program if it ends instead.
  void freeze() const;
  void thaw() const;
  /// Nothing: it has not ended by the deadline.
  std::optional<ExitCode> wait(std::chrono::milliseconds timeout);
  ExitCode kill9();

 private:
  pid_t pid_;
  int pidfd_;
  std::optional<ExitCode> ended_;
};

struct Finished {
  ExitCode code = 0;
  std::string out;
  std::string err;
};

/// Runs a program to its end; killed (137) after the timeout.
Finished run(std::vector<std::string> argv, std::vector<std::string> environment = {},
             std::chrono::milliseconds timeout = std::chrono::seconds(60));

/// Does it run this program by now? A process that was just started may still be `setsid` or `env` on the way to it,
/// and in the middle of an exec nobody can read its environment. Has no answer but `no` for one that has ended.
bool has_become(pid_t pid, const std::string& program);

/// The whole file; empty if there is none.
std::string read_file(const std::filesystem::path& path);

/// Asks every few milliseconds until `condition` holds. false: it never did.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds timeout = std::chrono::seconds(20));

void pause_briefly();

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    pause_briefly();
  }
}

}  // namespace solo::testing
