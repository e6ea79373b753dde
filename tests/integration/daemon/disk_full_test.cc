// Too little room on the disk: orders are refused with words, reads go on, and with room again everything does.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/support/daemon.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {
namespace {

std::uint64_t room() { return std::filesystem::space(std::filesystem::temp_directory_path()).available; }

/// Takes up room without writing, until it is gone.
class Ballast {
 public:
  explicit Ballast(std::uint64_t bytes) {
    const int file = open(path().c_str(), O_WRONLY | O_CREAT, 0600);
    taken_ = posix_fallocate(file, 0, static_cast<off_t>(bytes)) == 0;
    close(file);
  }
  bool taken() const { return taken_; }

 private:
  std::filesystem::path path() const { return directory_.path() / "ballast"; }
  TempDir directory_;
  bool taken_ = false;
};

void write_file(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
}

/// A file system of its own, seen by this process and those it starts, where temporary directories are made meanwhile.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return;
    if (user != 0) {
      write_file("/proc/self/setgroups", "deny");
      write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
      write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    mounted_ = mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               mount("none", place_.path().c_str(), "tmpfs", 0, ("mode=0700,size=" + size).c_str()) == 0;
    if (mounted_) setenv("TMPDIR", place_.path().c_str(), 1);
  }
  ~SmallDisk() {
    if (!mounted_) return;
    if (before_.empty()) {
      unsetenv("TMPDIR");
    } else {
      setenv("TMPDIR", before_.c_str(), 1);
    }
    umount2(place_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  const std::string before_ = getenv("TMPDIR") == nullptr ? "" : getenv("TMPDIR");
  const TempDir place_;
  bool mounted_ = false;
};

std::size_t listed(producers::CommandClient& client) {
  v1::RequestT list;
  list.tenant = "acme";
  list.body.Set(v1::ListT{});
  const auto reply = client.call(std::move(list));
  return reply && reply->ok ? reply->body.AsServiceList()->services.size() : 0;
}

TEST(DiskFull, ToTheLastByteRefusesOrdersAnswersReadsAndLosesNothing) {
  const SmallDisk disk("192m");
  ASSERT_TRUE(disk.mounted()) << std::strerror(errno);
  Daemon daemon;
  ASSERT_TRUE(daemon.start()) << daemon.log();
  auto client = daemon.client();
  const auto deploy = [&](const std::string& service) {
    return client->call(deploy_request({}, "acme", service, exec_spec({"/bin/sleep", "1000000"})));
  };
  ASSERT_TRUE(deploy("before")->ok) << daemon.log();
  {
    // What one file could not get another takes: nothing is left.
    std::vector<std::unique_ptr<Ballast>> all;
    for (std::uint64_t bytes = room(); bytes >= 4096; bytes = std::min(room(), bytes / 2)) {
      all.push_back(std::make_unique<Ballast>(bytes));
    }
    ASSERT_LT(room(), 4096U);
    for (int again = 0; again < 20; ++again) {
      const auto refused = deploy("meanwhile-" + std::to_string(again));
      ASSERT_TRUE(refused) << refused.error().message;
      ASSERT_FALSE(refused->ok);
      EXPECT_EQ(refused->error->code, v1::ErrorCode::resource_exhausted) << refused->error->message;
    }
    EXPECT_EQ(listed(*client), 1U);
    EXPECT_EQ(daemon.child().wait(std::chrono::milliseconds(0)), std::nullopt) << daemon.log();
  }
  EXPECT_TRUE(deploy("after")->ok) << daemon.log();
  daemon.kill9();
  while (daemon.kill_services() > 0) pause_briefly();
  ASSERT_TRUE(daemon.start()) << daemon.log();
  client = daemon.client();
  EXPECT_EQ(listed(*client), 2U);
  EXPECT_EQ(daemon.processes().size(), 2U);
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

TEST(DiskFull, RefusesOrdersAnswersReadsAndRecoversByItself) {
  const DiskRoomLock lock;
  const std::uint64_t free = room();
  const std::uint64_t ballast = std::min<std::uint64_t>(free / 2, 4ULL << 30);
  Daemon daemon({"--log-min-free-bytes", std::to_string(free - ballast / 2)});
  ASSERT_TRUE(daemon.start()) << daemon.log();
  auto client = daemon.client();
  const auto deploy = [&](const std::string& service) {
    return client->call(deploy_request({}, "acme", service, exec_spec({"/bin/sleep", "1000000"})));
  };
  ASSERT_TRUE(deploy("before")->ok) << daemon.log();
  {
    const Ballast full(ballast);
    ASSERT_TRUE(full.taken());
    auto refused = deploy("meanwhile");
    ASSERT_TRUE(refused) << refused.error().message;
    ASSERT_FALSE(refused->ok);
    EXPECT_EQ(refused->error->code, v1::ErrorCode::resource_exhausted) << refused->error->message;
    EXPECT_TRUE(refused->error->retryable);
    EXPECT_NE(refused->error->message.find("bytes"), std::string::npos) << refused->error->message;
    EXPECT_EQ(listed(*client), 1U);
  }
  auto again = deploy("meanwhile");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->ok) << (again->error ? again->error->message : "");
  EXPECT_EQ(daemon.processes().size(), 2U);
}

}  // namespace
}  // namespace solo::testing
