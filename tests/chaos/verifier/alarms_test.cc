// Everything that is no drift, under load, beside a verifier that runs every second: it must have nothing to say. A
// program to run for long: SOLO_CHAOS_SECONDS is how long, SOLO_CHAOS_SEED replays the order of the troubles. It prints
// what it has done every minute.
#include <signal.h>

#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include "tests/integration/verifier/verifier_fixture.h"
#include "tests/support/environment.h"
#include "tests/support/load.h"
#include "tests/support/stepped_clock.h"

namespace solo::testing {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kDay = 86'400;

class Alarms : public VerifierTest {
 public:
  using Trouble = void (Alarms::*)();

  Alarms() {
    daemon_.set_environment(clock_.environment());
    daemon_.set_arguments({"--verifier-interval-ms", "1000", "--verifier-fix", "false"});
    load_.set_pause(milliseconds(250));
  }

  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

  // Troubles: what happens to a daemon that is well.

  void none() {}
  void crash_services() {
    for (const auto& process : daemon_.processes()) {
      if (up_to(3) == 0) ::kill(process.pid, SIGKILL);
    }
  }
  void freeze() {
    daemon_.child().signal(SIGSTOP);
    crash_services();
    std::this_thread::sleep_for(milliseconds(up_to(1'500)));
    daemon_.child().signal(SIGCONT);
  }
  void step_the_clock() { clock_.set(static_cast<std::int64_t>(up_to(2 * kDay)) - kDay); }
  void kill_the_daemon() {
    pause_load();
    daemon_.kill9();
    if (up_to(1) == 0) crash_services();
    resume();
  }
  void restart_it() {
    pause_load();
    EXPECT_EQ(daemon_.stop(seconds(60)), 0) << daemon_.log();
    resume();
  }

  void pause_load() {
    load_.stop();
    ++restarts_;
  }
  void resume() {
    ASSERT_TRUE(daemon_.start(seconds(60))) << daemon_.log();
    load_.start();
  }

  /// Services that end all the time: by themselves, for ever, or until they are given up.
  void deploy_flapping() {
    auto spec = script_spec("#!/bin/sh\nsleep 0.3\nexit 1\n");
    spec.restart_limits.ensure().max_restarts = 1'000'000;
    deploy("flapping", spec);
    deploy("given-up", script_spec("#!/bin/sh\nsleep 0.1\nexit 1\n"));
    deploy("tree", script_spec("#!/bin/sh\nsleep 1000 &\nsetsid sleep 1000 &\nexec sleep 1000\n"));
    // Ends slowly when it is told to.
    deploy("slow", script_spec("#!/bin/sh\ntrap 'sleep 1; exit 0' TERM\nwhile :; do sleep 0.2; done\n"));
  }
  void replace_slow() {
    const auto reply = daemon_.client()->call(replacing("slow"));
    if (reply && reply->ok) ++replaced_;
  }
  static v1::RequestT replacing(const std::string& service) {
    auto request = deploy_request({}, "acme", service,
                                  script_spec("#!/bin/sh\ntrap 'sleep 1; exit 0' TERM\nwhile :; do sleep 0.2; done\n"),
                                  v1::Wait::accepted);
    request.body.AsDeploy()->replace = true;
    return request;
  }

  void look() {
    v1::RequestT request;
    request.id = "look";
    request.tenant = "*";
    request.timeout_ms = 30'000;
    v1::VerificationT wanted;
    wanted.rebuild = up_to(60) == 0;
    request.body.Set(wanted);
    const auto reply = daemon_.client()->call(std::move(request));
    const auto* report = reply ? reply->body.AsVerificationReport() : nullptr;
    if (report == nullptr) {
      ++unanswered_;
      last_refusal_ = !reply ? reply.error().message : reply->error ? reply->error->message : "no report";
      return;
    }
    ++verified_;
    rebuilt_ += report->rebuilt ? 1 : 0;
    longest_us_ = std::max(longest_us_, report->duration_us);
    if (report->inconsistencies_found == 0) return;
    alarms_ += report->inconsistencies_found;
    std::cout << "FALSE ALARM at " << report->position << ": " << words(*report) << std::flush;
  }

  void say() const {
    std::cout << std::chrono::duration_cast<seconds>(Steady::now() - began_).count() << " s: " << verified_
              << " verifications asked for (" << rebuilt_ << " with a replay), longest " << longest_us_ / 1000
              << " ms, unanswered " << unanswered_ << (last_refusal_.empty() ? "" : " (" + last_refusal_ + ")")
              << ", false alarms " << alarms_ << ", commands " << load_.acknowledged() + load_.accepted()
              << ", replaces " << replaced_ << ", restarts of the daemon " << restarts_ << std::endl;
  }

  const std::uint64_t seed_ = from_environment("SOLO_CHAOS_SEED", std::random_device{}());
  std::mt19937_64 random_{seed_};
  SteppedClock clock_;
  Load load_{daemon_, seed_, 4, 5};
  const Steady::time_point began_ = Steady::now();
  std::uint64_t verified_ = 0;
  std::uint64_t rebuilt_ = 0;
  std::uint64_t unanswered_ = 0;
  std::uint64_t alarms_ = 0;
  std::uint64_t replaced_ = 0;
  std::uint64_t restarts_ = 0;
  std::int64_t longest_us_ = 0;
  std::string last_refusal_;
};

TEST_F(Alarms, WhatIsNoDriftRaisesNone) {
  static constexpr Trouble kTroubles[] = {&Alarms::none,   &Alarms::crash_services, &Alarms::freeze,
                                          &Alarms::none,   &Alarms::step_the_clock, &Alarms::kill_the_daemon,
                                          &Alarms::freeze, &Alarms::restart_it};
  const auto end = began_ + seconds(from_environment("SOLO_CHAOS_SECONDS", 60));
  std::cout << "replay: ops/test alarms --seed " << seed_ << std::endl;
  start();
  deploy_flapping();
  load_.start();
  auto next_word = began_ + seconds(60);
  for (std::size_t round = 0; Steady::now() < end && !HasFatalFailure(); ++round) {
    // Every kind once, then as it comes.
    const auto trouble = round < std::size(kTroubles) ? kTroubles[round] : kTroubles[up_to(std::size(kTroubles) - 1)];
    (this->*trouble)();
    const auto next_trouble = Steady::now() + seconds(2 + up_to(6));
    while (Steady::now() < std::min(next_trouble, end) && !HasFatalFailure()) {
      look();
      if (up_to(4) == 0) replace_slow();
      std::this_thread::sleep_for(milliseconds(up_to(1'000)));
    }
    if (Steady::now() < next_word) continue;
    say();
    next_word += seconds(60);
  }
  load_.stop();
  say();
  std::uint64_t reports = 0;
  for (const auto& event : events(v1::Payload::VerificationReported)) {
    const auto& report = *event.payload.AsVerificationReported()->report;
    ++reports;
    alarms_ += report.inconsistencies_found;
    if (report.inconsistencies_found != 0) std::cout << "FALSE ALARM in the log: " << words(report);
  }
  std::cout << reports << " reports in the log, seed " << seed_ << std::endl;
  EXPECT_EQ(alarms_, 0U);
  EXPECT_TRUE(events(v1::Payload::DriftFixed).empty());
  EXPECT_GT(reports, 0U);
  EXPECT_GT(verified_, 5U);
  EXPECT_GT(load_.acknowledged(), 0U);
  EXPECT_LE(unanswered_, restarts_ + verified_ / 10) << last_refusal_;
}

}  // namespace
}  // namespace solo::testing
