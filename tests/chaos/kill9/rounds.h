// Rounds of load, death and start of a real daemon, and what must hold after each.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>
#include <utility>

#include "tests/support/load.h"

namespace solo::testing {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

inline std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

class Kill9 : public ::testing::Test {
 protected:
  /// `arguments` are the daemon's.
  explicit Kill9(std::vector<std::string> arguments = {}) : daemon_(std::move(arguments)) {
    std::cout << "SOLO_CHAOS_SEED=" << seed_ << "\n";
  }

  void pass(int least_ms, int most_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(least_ms + random_() % (most_ms - least_ms + 1)));
  }

  /// Kills the daemon a few times more before it has come up.
  void interrupt_start() {
    while (random_() % 4 == 0) {
      daemon_.launch();
      pass(0, 60);
      daemon_.kill9();
      ++kills_;
    }
  }

  void round(bool services_too) {
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    load_.start();
    pass(5, 120);
    daemon_.kill9();
    ++kills_;
    load_.stop();
    if (services_too) {
      while (daemon_.kill_services() > 0) pause_briefly();
    }
    interrupt_start();
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    ASSERT_EQ(lines(load_.settle()), "") << daemon_.log();
    ASSERT_EQ(lines(load_.broken_promises()), "") << daemon_.log();
    ASSERT_TRUE(eventually([&] { return load_.differences().empty(); }, std::chrono::seconds(10)))
        << lines(load_.differences()) << daemon_.log();
    daemon_.kill9();
    ++kills_;
  }

  void rounds(std::uint64_t kills, bool services_too) {
    while (kills_ < kills && !HasFatalFailure()) round(services_too);
    std::cout << kills_ << " kills, " << load_.acknowledged() << " commands acknowledged\n";
    // A run in which nothing was acknowledged proves nothing.
    EXPECT_GT(load_.acknowledged(), kills_);
  }

  const std::uint64_t seed_ = from_environment("SOLO_CHAOS_SEED", std::random_device{}());
  std::mt19937_64 random_{seed_};
  Daemon daemon_;
  Load load_{daemon_, seed_, 6, 4};
  std::uint64_t kills_ = 0;
};

}  // namespace solo::testing
