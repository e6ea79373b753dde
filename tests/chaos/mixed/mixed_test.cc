// Everything that can happen to a daemon, in a random order, under load from several clients; after each restart every
// promise is checked. The seed that is printed replays the order (SOLO_CHAOS_SEED); SOLO_CHAOS_SECONDS is how long.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "tests/support/environment.h"
#include "tests/support/load.h"
#include "tests/support/stepped_clock.h"

namespace solo::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kDay = 86'400;

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

std::string last_words(const std::string& log) {
  constexpr std::size_t kEnough = 20'000;
  return log.size() <= kEnough ? log : "...\n" + log.substr(log.size() - kEnough);
}

class Mixed : public ::testing::Test {
 public:
  using Action = void (Mixed::*)();
  struct Choice {
    const char* name;
    Action action;
  };

  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }
  bool one_in(std::uint64_t n) { return random_() % n == 0; }
  void pass(std::uint64_t least_ms, std::uint64_t most_ms) {
    std::this_thread::sleep_for(milliseconds(least_ms + up_to(most_ms - least_ms)));
  }

  /// With what the next launch is to be like.
  void choose_arguments() {
    leave_ = one_in(3);
    arguments_ = {"--shutdown-services", leave_ ? "leave" : "stop", "--shutdown-deadline-ms", "20000"};
    daemon_.set_environment(clock_.environment());
    daemon_.set_arguments(arguments_);
  }

  void kill_daemon() { daemon_.kill9(); }

  void kill_everything() {
    daemon_.kill9();
    while (daemon_.kill_services() > 0) pause_briefly();
  }

  void kill_services() {
    daemon_.kill_services();
    pass(0, 50);
    kill_daemon();
  }

  void crash_one_service() {
    const auto all = daemon_.processes();
    if (!all.empty()) kill(all[random_() % all.size()].pid, SIGKILL);
    pass(0, 200);
  }

  void stop_in_order() {
    const auto before = daemon_.processes().size();
    EXPECT_EQ(daemon_.stop(seconds(60)), 0);
    if (!leave_) {
      EXPECT_TRUE(daemon_.processes().empty()) << "of " << before;
    }
  }

  void kill_while_it_stops() {
    daemon_.child().signal(SIGTERM);
    pass(0, 60);
    kill_daemon();
  }

  void stop_twice() {
    daemon_.child().signal(SIGTERM);
    pass(0, 30);
    daemon_.child().signal(SIGTERM);
    const auto status = daemon_.child().wait(seconds(30));
    EXPECT_TRUE(status == 0 || status == 1) << status.value_or(-1);
  }

  void freeze() {
    daemon_.child().signal(SIGSTOP);
    pass(20, 300);
    daemon_.child().signal(SIGCONT);
    pass(0, 50);
    if (one_in(2)) kill_daemon();
  }

  void step_the_clock() {
    for (int steps = 0; steps < 3; ++steps) {
      clock_.set(static_cast<std::int64_t>(up_to(2 * kDay)) - kDay);
      pass(0, 60);
    }
    if (one_in(2)) kill_daemon();
  }

  void lose_the_views() {
    kill_daemon();
    const auto view = daemon_.state() / "views" / "0";
    if (one_in(2)) {
      std::filesystem::remove_all(view);
    } else {
      std::ofstream(view / "CURRENT") << "damaged\n";
    }
  }

  /// The watermark is put under the room there is, and a file takes more than what is between.
  void fill_the_disk() {
    load_.stop();
    kill_daemon();
    const DiskRoomLock lock;
    const auto room = std::filesystem::space(daemon_.state()).available;
    // Little enough that others find what they expect.
    const auto margin = std::min<std::uintmax_t>(room / 8, std::uintmax_t{128} << 20);
    auto arguments = arguments_;
    arguments.insert(arguments.end(), {"--log-min-free-bytes", std::to_string(room - margin)});
    daemon_.set_arguments(arguments);
    ASSERT_TRUE(daemon_.start()) << last_words(daemon_.log());
    load_.start();
    pass(20, 60);
    const auto filler = files_.path() / "filler";
    const int file = open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(posix_fallocate(file, 0, static_cast<off_t>(3 * margin)), 0);
    close(file);
    pass(300, 1500);
    if (one_in(2)) kill_daemon();
    std::filesystem::remove(filler);
  }

  /// The daemon is killed a few times more before it has come up.
  void interrupt_start() {
    daemon_.kill9();
    while (one_in(4)) {
      daemon_.launch();
      pass(0, 60);
      if (one_in(3)) daemon_.child().signal(SIGTERM);
      daemon_.kill9();
    }
  }

  void check() {
    ASSERT_TRUE(daemon_.start(seconds(60))) << last_words(daemon_.log());
    ASSERT_EQ(lines(load_.settle()), "") << last_words(daemon_.log());
    ASSERT_EQ(lines(load_.broken_promises()), "") << last_words(daemon_.log());
    ASSERT_EQ(lines(load_.retry(random_, 5)), "") << last_words(daemon_.log());
    ASSERT_TRUE(eventually([&] { return load_.differences().empty(); }, seconds(30)))
        << lines(load_.differences()) << last_words(daemon_.log());
    if (!one_in(10)) return;
    const auto checked = run({SOLO_PATH, "log", "check", "--state-dir", daemon_.state().string()});
    ASSERT_EQ(checked.code, 0) << checked.out << checked.err;
  }

  void round(const Choice& choice) {
    if (one_in(3)) clock_.set(static_cast<std::int64_t>(up_to(2 * kDay)) - kDay);
    choose_arguments();
    ASSERT_TRUE(daemon_.start(seconds(60))) << last_words(daemon_.log());
    load_.start();
    pass(5, 150);
    (this->*choice.action)();
    load_.stop();
    if (HasFailure()) return;
    interrupt_start();
    choose_arguments();
    check();
    if (one_in(3)) {
      EXPECT_EQ(daemon_.stop(seconds(60)), 0) << last_words(daemon_.log());
    } else {
      daemon_.kill9();
    }
  }

  const std::uint64_t seed_ = from_environment("SOLO_CHAOS_SEED", std::random_device{}());
  std::mt19937_64 random_{seed_};
  TempDir files_;
  SteppedClock clock_;
  bool leave_ = false;
  std::vector<std::string> arguments_;
  Daemon daemon_;
  Load load_{daemon_, seed_, 5, 4};
};

TEST_F(Mixed, WhateverHappensNothingAcknowledgedIsLostAndNothingRunsTwice) {
  static constexpr Choice kChoices[] = {
      {"kill the daemon", &Mixed::kill_daemon},     {"kill everything", &Mixed::kill_everything},
      {"kill the services", &Mixed::kill_services}, {"crash a service", &Mixed::crash_one_service},
      {"stop in order", &Mixed::stop_in_order},     {"kill it while it stops", &Mixed::kill_while_it_stops},
      {"stop twice", &Mixed::stop_twice},           {"freeze", &Mixed::freeze},
      {"step the clock", &Mixed::step_the_clock},   {"lose the views", &Mixed::lose_the_views},
      {"fill the disk", &Mixed::fill_the_disk},
  };
  std::cout << "replay: ops/test chaos --seed " << seed_ << "\n";
  const auto end = std::chrono::steady_clock::now() + seconds(from_environment("SOLO_CHAOS_SECONDS", 120));
  int rounds = 0;
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    // Every kind once, then as it comes.
    const auto& choice =
        kChoices[rounds < static_cast<int>(std::size(kChoices)) ? rounds : random_() % std::size(kChoices)];
    ++rounds;
    round(choice);
    if (HasFailure()) std::cout << "round " << rounds << " failed: " << choice.name << "\n";
  }
  std::cout << rounds << " rounds, " << load_.acknowledged() << " commands acknowledged, seed " << seed_ << "\n";
  // A run in which nothing was acknowledged proves nothing.
  EXPECT_GT(load_.acknowledged(), 0U);
}

}  // namespace
}  // namespace solo::testing
