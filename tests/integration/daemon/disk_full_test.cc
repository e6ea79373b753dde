// Too little room on the disk: orders are refused with words, reads go on, and with room again everything does.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/daemon.h"

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

TEST(DiskFull, RefusesOrdersAnswersReadsAndRecoversByItself) {
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
    v1::RequestT list;
    list.tenant = "acme";
    list.body.Set(v1::ListT{});
    auto listed = client->call(std::move(list));
    ASSERT_TRUE(listed && listed->ok);
    EXPECT_EQ(listed->body.AsServiceList()->services.size(), 1U);
  }
  auto again = deploy("meanwhile");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->ok) << (again->error ? again->error->message : "");
  EXPECT_EQ(daemon.processes().size(), 2U);
}

}  // namespace
}  // namespace solo::testing
