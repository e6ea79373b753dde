#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "tests/integration/embedded_log/faulty_env.h"
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

TEST_F(CrashedLog, WhatIsAcknowledgedWasSyncedBeforeSoAPowerFailureCannotTakeIt) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::map<std::int64_t, std::string> acknowledged;
  for (int failure = 0; failure < 15; ++failure) {
    FaultyEnv env;
    {
      auto with = options();
      with.env = env.get();
      // Small, so that the power also fails while tables are written.
      with.write_buffer_bytes = 128 * 1024;
      std::atomic<bool> ended = false;
      with.on_fatal = [&](const schemas::Error&) { ended = true; };
      const auto log = open(with);
      ASSERT_TRUE(log) << log.error().message;
      const auto off_at = std::uniform_int_distribution<std::size_t>(1, 1500)(random);
      std::mutex mutex;
      for (std::size_t number = 0; number < 2000 && !ended; ++number) {
        if (number == off_at) env->power_off();
        const auto value = fmt::format("{}-{}-{}", failure, number, std::string(200, 'v'));
        (*log)->commands().append("acme", value, [&, value](producers::AppendResult result) {
          const std::lock_guard lock(mutex);
          if (is_durable(result)) acknowledged[std::get<producers::Durable>(result).position.offset] = value;
        });
        if (number % 50 == 0) std::this_thread::yield();
      }
      ASSERT_TRUE((*log)->commands().drain(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
    }
    env->cut_unsynced();
    const auto log = open();
    ASSERT_TRUE(log) << log.error().message;
    const auto values = read_values(**log);
    ASSERT_TRUE(values) << values.error().message;
    for (const auto& [offset, value] : acknowledged) {
      ASSERT_LE(offset, static_cast<std::int64_t>(values->size())) << "acknowledged and missing";
      ASSERT_EQ((*values)[static_cast<std::size_t>(offset - 1)], value);
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

}  // namespace
}  // namespace solo::testing
