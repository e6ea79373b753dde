#include <fmt/format.h>

#include <random>

#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"

namespace solo::testing {
namespace {

using CrashedLog = LogDirectory;

TEST_F(CrashedLog, EveryAcknowledgedRecordSurvivesAKillAtARandomInstant) {
  constexpr int kKills = 120;
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::map<std::int64_t, std::string> acknowledged;
  for (int kill = 0; kill < kKills; ++kill) {
    const auto file = beside(fmt::format("acknowledged-{}", kill));
    {
      const auto appender = start_appender(directory(), file);
      // Some are killed while they open the log, most while they append.
      if (kill % 3 != 0) {
        ASSERT_TRUE(eventually([&] { return !read_file(file).empty(); }));
      }
      appender->wait(std::chrono::milliseconds(std::uniform_int_distribution(1, 60)(random)));
      ASSERT_EQ(appender->kill9(), 128 + SIGKILL);
    }
    const auto now = read_acknowledged(file);
    acknowledged.insert(now.begin(), now.end());
    // Every few kills, so that recoveries of recoveries happen too.
    if (kill % 4 != 3 && kill != kKills - 1) continue;
    const auto log = open();
    ASSERT_TRUE(log) << log.error().message;
    for (const auto& [offset, value] : acknowledged) {
      const auto records = (*log)->read(offset, 1, 1);
      ASSERT_TRUE(records) << records.error().message;
      ASSERT_EQ(records->size(), 1u) << "record " << offset << " was acknowledged and is missing";
      ASSERT_EQ(records->front().value, value);
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

}  // namespace
}  // namespace solo::testing
