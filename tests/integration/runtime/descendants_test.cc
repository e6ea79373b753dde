// Whose a process is when the leader of its session is gone.
#include "consumers/descendants.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "consumers/proc.h"
#include "tests/integration/runtime/processes.h"

namespace solo::consumers {
namespace {

using Descendants = testing::ProcessTest;
using testing::eventually;

/// A process in the session of a leader that has ended, at work in `directory`.
class Orphan {
 public:
  explicit Orphan(const std::filesystem::path& directory) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    leader_ = ::fork();
    if (leader_ == 0) {
      ::setsid();
      if (::chdir(directory.c_str()) != 0) ::_exit(1);
      const pid_t child = ::fork();
      if (child == 0) {
        ::execl("/bin/sleep", "/bin/sleep", "1000000", nullptr);
        ::_exit(1);
      }
      (void)!::write(ends[1], &child, sizeof child);
      ::_exit(0);
    }
    (void)!::read(ends[0], &pid_, sizeof pid_);
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(leader_, nullptr, 0);
  }
  ~Orphan() { ::kill(pid_, SIGKILL); }
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;

  bool is_alive() const {
    const auto stat = proc::read_stat(pid_);
    return stat && stat->state != 'Z' && stat->session == leader_;
  }
  EndedLeader leader(const std::filesystem::path& home) const {
    return {Identity{leader_, 1, proc::boot_id()}, std::nullopt, false, home};
  }

 private:
  pid_t leader_ = 0;
  pid_t pid_ = 0;
};

TEST_F(Descendants, OfALeaderWhoseEndNobodySawAreThoseAtWorkInItsServicesDirectory) {
  const auto place = std::filesystem::canonical(directory_);
  const Orphan own(place);
  ASSERT_TRUE(eventually([&] { return own.is_alive(); }));
  EXPECT_EQ(kill_descendants({own.leader(place)}, {}).size(), 1U);
  EXPECT_TRUE(eventually([&] { return !own.is_alive(); }));
}

TEST_F(Descendants, OfOneThatHadItsNumberSinceAreLeftAlone) {
  const Orphan other("/");
  ASSERT_TRUE(eventually([&] { return other.is_alive(); }));
  EXPECT_TRUE(kill_descendants({other.leader(std::filesystem::canonical(directory_))}, {}).empty());
  EXPECT_TRUE(other.is_alive());
}

}  // namespace
}  // namespace solo::consumers
