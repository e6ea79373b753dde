// The power fails at a random operation of the log's RocksDB: while it opens and recovers, while it commits, while it
// writes tables and merges them. SOLO_POWER_CUTS makes it longer, SOLO_CHAOS_SEED replays a run as far as threads
// allow.
#include "tests/support/power_cut.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"

namespace solo::testing {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

class LogWithoutPower : public LogDirectory {
 protected:
  LogWithoutPower() { std::cout << "SOLO_CHAOS_SEED=" << seed_ << "\n"; }

  /// One life of the log until the power fails. Whether it took appends depends on when that is.
  void live(std::uint64_t operation, bool sync) {
    const auto file = beside("acknowledged");
    const auto journal = beside("journal");
    std::filesystem::remove(file);
    const auto child = start_appender_until_power_cut(directory(), file, {journal, operation, sync});
    ASSERT_EQ(child->wait(std::chrono::minutes(2)), 128 + SIGKILL) << read_file(beside("child.err"));
    const auto now = read_acknowledged(file);
    acknowledged_.insert(now.begin(), now.end());
    cut_power(journal, random_() % 2 == 0 ? Unsynced::gone : Unsynced::partly, random_);
    age_mark();
  }

  /// It is on the disk as it was at some moment since its last sync.
  void age_mark() {
    if (std::filesystem::exists(directory() / "mark") && random_() % 2 == 0) {
      set_mark(acknowledged_.empty() ? 0 : static_cast<std::int64_t>(random_() % (acknowledged_.rbegin()->first + 2)));
    }
  }

  /// What is wrong with what was acknowledged; empty: nothing.
  std::string loss() {
    const auto log = open();
    if (!log) return log.error().message;
    const auto values = read_values(**log);
    if (!values) return values.error().message;
    for (const auto& [offset, value] : acknowledged_) {
      if (offset > static_cast<std::int64_t>(values->size())) return fmt::format("record {} is missing", offset);
      if ((*values)[static_cast<std::size_t>(offset - 1)] != value) return fmt::format("record {} is another", offset);
    }
    return "";
  }

  /// Openings take about forty operations; a merge of tables comes after a second.
  std::uint64_t some_operation() {
    static constexpr std::uint64_t kMost[] = {60, 60, 300, 1500, 4000};
    return 1 + random_() % kMost[random_() % 5];
  }

  const std::uint64_t seed_ = from_environment("SOLO_CHAOS_SEED", std::random_device{}());
  std::mt19937_64 random_{seed_};
  std::map<std::int64_t, std::string> acknowledged_;
};

TEST_F(LogWithoutPower, HasEveryAcknowledgedRecord) {
  const auto cuts = from_environment("SOLO_POWER_CUTS", 40);
  for (std::uint64_t cut = 0; cut < cuts; ++cut) {
    ASSERT_NO_FATAL_FAILURE(live(some_operation(), true)) << "cut " << cut;
    // Not every time, so that recoveries of recoveries are cut too.
    if (random_() % 3 == 0) {
      ASSERT_EQ(loss(), "") << "cut " << cut;
    }
  }
  EXPECT_EQ(loss(), "");
  std::cout << cuts << " cuts, " << acknowledged_.size() << " records acknowledged\n";
  EXPECT_GT(acknowledged_.size(), cuts);
}

TEST_F(LogWithoutPower, WouldLoseRecordsIfItDidNotSync) {
  int lost = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    acknowledged_.clear();
    std::filesystem::remove_all(directory());
    ASSERT_NO_FATAL_FAILURE(live(400, false));
    ASSERT_FALSE(acknowledged_.empty());
    if (!loss().empty()) ++lost;
  }
  EXPECT_GT(lost, 0);
}

}  // namespace
}  // namespace solo::testing
