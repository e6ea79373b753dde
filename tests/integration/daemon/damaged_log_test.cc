// A record that was damaged after it was applied: nobody reads it any more, until the views have to be rebuilt.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

v1::HealthReportT health(producers::CommandClient& client) {
  v1::RequestT request;
  request.body.Set(v1::HealthT{});
  auto reply = client.call(std::move(request));
  const auto* report = reply ? reply->body.AsHealthReport() : nullptr;
  return report != nullptr ? *report : v1::HealthReportT{};
}

std::filesystem::path largest_table(const std::filesystem::path& database) {
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(database)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) largest = entry.path();
  }
  return largest;
}

void flip_byte(const std::filesystem::path& path, std::int64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const auto byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(at);
  file.put(byte);
  ASSERT_TRUE(file.good());
}

TEST(DamagedLog, IsFoundAfterTheStartAndMakesHealthNameTheRecord) {
  Daemon daemon;
  ASSERT_TRUE(daemon.start()) << daemon.log();
  {
    const auto client = daemon.client();
    const auto spec = [] {
      // Large, so that the records the views compare at the start are far from the first ones.
      auto made = exec_spec({"/bin/true", std::string(20'000, 'x')});
      made.restart = v1::RestartPolicy::temporary;
      return made;
    };
    for (int number = 0; number < 60; ++number) {
      const auto reply = client->call(deploy_request({}, "acme", "s" + std::to_string(number), spec()));
      ASSERT_TRUE(reply && reply->ok) << daemon.log();
    }
  }
  ASSERT_EQ(daemon.stop(), 0) << daemon.log();
  flip_byte(largest_table(daemon.state() / "log" / "db"), 150'000);

  daemon.launch();
  const auto degraded = [&] {
    const auto client =
        producers::CommandClient::connect({daemon.endpoint(), std::chrono::milliseconds(1000), daemon.root_token()});
    return client && health(**client).status == v1::HealthStatus::degraded;
  };
  ASSERT_TRUE(eventually(degraded)) << daemon.log();
  const auto client = daemon.client();
  const auto report = health(*client);
  EXPECT_NE(report.detail.find("record "), std::string::npos) << report.detail;
  EXPECT_NE(report.detail.find("copy"), std::string::npos) << report.detail;
  EXPECT_TRUE(report.log->writable);
  const auto checked = run({SOLO_PATH, "--state-dir", daemon.state(), "log", "check"});
  EXPECT_EQ(checked.code, 1) << checked.out << checked.err;
  // The same record in both.
  const auto at = report.detail.find("record ");
  const auto name = report.detail.substr(at, report.detail.find(' ', at + 7) + 1 - at);
  EXPECT_NE((checked.out + checked.err).find(name), std::string::npos) << name << ": " << checked.out << checked.err;
  const auto reply = client->call(deploy_request({}, "acme", "after", exec_spec({"/bin/sleep", "1000000"})));
  EXPECT_TRUE(reply && reply->ok) << daemon.log();
  EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

}  // namespace
}  // namespace solo::testing
