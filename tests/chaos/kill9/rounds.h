// Rounds of load, death and start of a real daemon, and what must hold after each.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/load.h"

namespace solo::testing {

inline std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

/// Looks all the time whether two processes of one service are there: a moment of it is too long.
class DoubleWatch {
 public:
  explicit DoubleWatch(const Load& load) : load_(load), thread_([this] { watch(); }) {}
  ~DoubleWatch() {
    stopping_ = true;
    thread_.join();
  }
  DoubleWatch(const DoubleWatch&) = delete;
  DoubleWatch& operator=(const DoubleWatch&) = delete;

  std::vector<std::string> found() const {
    const std::lock_guard lock(mutex_);
    return found_;
  }

 private:
  void watch() {
    while (!stopping_) {
      const auto doubled = load_.doubled();
      {
        const std::lock_guard lock(mutex_);
        found_.insert(found_.end(), doubled.begin(), doubled.end());
      }
      // The rest of the machine is the test's.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  const Load& load_;
  mutable std::mutex mutex_;
  std::vector<std::string> found_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

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

  void kill_under_load(bool services_too) {
    load_.start();
    pass(5, 120);
    // On a slow machine a little longer: a daemon that has done nothing yet has nothing to lose.
    for (int more = 0; more < 50 && !has_work_for_this_kill(); ++more) pass(5, 120);
    daemon_.kill9();
    ++kills_;
    ++kills_under_load_;
    load_.stop();
    if (!services_too) return;
    while (daemon_.kill_services() > 0) pause_briefly();
  }

  bool has_work_for_this_kill() const {
    return load_.accepted() > kills_under_load_ + 1 && load_.acknowledged() > kills_under_load_ + 1;
  }

  void round(bool services_too) {
    kill_under_load(services_too);
    interrupt_start();
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    ASSERT_EQ(lines(load_.settle()), "") << daemon_.log();
    ASSERT_EQ(lines(load_.broken_promises()), "") << daemon_.log();
    ASSERT_EQ(lines(load_.retry(random_, 3)), "") << daemon_.log();
    ASSERT_TRUE(eventually([&] { return load_.differences().empty(); }, std::chrono::seconds(30)))
        << lines(load_.differences()) << daemon_.log();
    ASSERT_EQ(lines(watch_.found()), "") << daemon_.log();
  }

  /// Until there have been so many kills under load; those of a start, and the last one, come on top.
  void rounds(std::uint64_t kills, bool services_too) {
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    while (kills_under_load_ < kills && !HasFatalFailure()) round(services_too);
    std::cout << kills_ << " kills, " << kills_under_load_ << " of them under load; " << load_.acknowledged()
              << " commands acknowledged, " << load_.accepted() << " accepted before\n";
    // A run in which nothing was acknowledged proves nothing.
    EXPECT_GT(load_.acknowledged(), kills_under_load_);
    EXPECT_GT(load_.accepted(), kills_under_load_);
  }

  const std::uint64_t seed_ = from_environment("SOLO_CHAOS_SEED", std::random_device{}());
  std::mt19937_64 random_{seed_};
  Daemon daemon_;
  Load load_{daemon_, seed_, 6, 4};
  DoubleWatch watch_{load_};
  std::uint64_t kills_ = 0;
  std::uint64_t kills_under_load_ = 0;
};

}  // namespace solo::testing
