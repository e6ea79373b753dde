#include "consumers/service_machine.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;
using v1::RestartPolicy;

// Always the middle of what is asked for.
class FixedEntropy final : public producers::Entropy {
 public:
  void fill(std::span<std::uint8_t> bytes) override { std::fill(bytes.begin(), bytes.end(), std::uint8_t{0x7f}); }
};

constexpr Exit kNormal{ExitKind::exited, 0};
constexpr Exit kError{ExitKind::exited, 3};
constexpr Exit kKilled{ExitKind::signaled, SIGKILL};

// One machine, the record as the test wants it, and what the machine asked for since the last look.
class Bench {
 public:
  Bench() { machine.want(wish, now, actions_); }

  void want() { machine.want(wish, now, actions_); }
  void deploy(std::uint64_t generation, RestartPolicy policy = RestartPolicy::permanent) {
    wish = Wish{};
    wish.run = true;
    wish.current = target(generation, policy);
    last_deployed_ = generation;
    want();
  }
  void replace(std::uint64_t generation) {
    wish.pending = target(generation, RestartPolicy::permanent);
    want();
  }
  // The views have come to the start of the pending generation.
  void promote() {
    wish.current = wish.pending;
    wish.pending.reset();
    want();
  }
  void kill(std::chrono::milliseconds grace = 5s, bool force = false) {
    wish.run = false;
    wish.current.reset();
    wish.pending.reset();
    if (wish.killed_generation == 0) wish.killed_generation = last_deployed_;
    wish.kill_grace = grace;
    wish.kill_force = force;
    want();
  }
  void restart() {
    ++wish.epoch;
    want();
  }
  void prepared(std::uint64_t generation) { machine.prepared(generation, now, actions_); }
  void prepare_failed(std::uint64_t generation, const StartFailure& failure = {"does not compile", "line 1", false}) {
    machine.prepare_failed(generation, failure, now, actions_);
  }
  void spawned(ProcessNumber number) { machine.spawned(number, now, actions_); }
  void spawn_failed(ProcessNumber number, const StartFailure& failure = {"not found", "", false}) {
    machine.spawn_failed(number, failure, now, actions_);
  }
  void ended(ProcessNumber number, Exit end = kKilled) { machine.ended(number, end, now, actions_); }
  void allow(bool allowed) { machine.allow(allowed, now, actions_); }
  void pass(std::chrono::milliseconds time) {
    now += time;
    machine.tick(now, actions_);
  }
  // To the machine's own next deadline; how far that was.
  std::chrono::milliseconds pass_to_deadline() {
    const auto at = machine.deadline();
    if (!at) return -1ms;
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(*at - now);
    pass(time);
    return time;
  }
  // Deployed and running as process 1.
  void run(std::uint64_t generation, RestartPolicy policy = RestartPolicy::permanent) {
    deploy(generation, policy);
    prepared(generation);
    spawned(last_number);
    taken();
  }

  // What was asked for, in words, and forgotten.
  std::vector<std::string> taken() {
    std::vector<std::string> words;
    for (const Action& action : actions_) words.push_back(word(action));
    actions_.clear();
    return words;
  }

  static Target target(std::uint64_t generation, RestartPolicy policy) {
    Target result;
    result.generation = generation;
    result.policy = policy;
    return result;
  }

  Instant now{1h};
  Wish wish;
  ProcessNumber last_number = 0;
  FixedEntropy entropy;
  ServiceMachine machine{last_number, entropy};

 private:
  static std::string word(const Action& action) {
    if (const auto* prepare = std::get_if<Prepare>(&action)) return "prepare " + std::to_string(prepare->generation);
    if (const auto* cancel = std::get_if<CancelPrepare>(&action)) {
      return "cancel " + std::to_string(cancel->generation);
    }
    if (const auto* spawn = std::get_if<Spawn>(&action)) {
      return "spawn " + std::to_string(spawn->generation) + " as " + std::to_string(spawn->number);
    }
    if (const auto* signal = std::get_if<Signal>(&action)) {
      return (signal->signal == SIGKILL ? "kill " : "term ") + std::to_string(signal->number);
    }
    const auto& observe = std::get<Observe>(action);
    static const std::vector<std::string> kReports = {"started", "recovered",         "exited",          "crashed",
                                                      "stopped", "deployment_failed", "recovery_failed", "failed"};
    std::string text = kReports.at(static_cast<std::size_t>(observe.report)) + " " + std::to_string(observe.generation);
    if (observe.number != 0) text += " as " + std::to_string(observe.number);
    if (observe.adopted) text += " adopted";
    if (observe.settled) text += " settled";
    if (!observe.reason.empty()) text += ": " + observe.reason;
    return text;
  }

  Actions actions_;
  std::uint64_t last_deployed_ = 0;
};

using Words = std::vector<std::string>;

TEST(ServiceMachineTest, ADeployIsPreparedSpawnedAndReported) {
  Bench bench;
  bench.deploy(1);
  EXPECT_EQ(bench.taken(), Words{"prepare 1"});
  bench.prepared(1);
  EXPECT_EQ(bench.taken(), Words{"spawn 1 as 1"});
  bench.spawned(1);
  EXPECT_EQ(bench.taken(), Words{"started 1 as 1"});
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
  EXPECT_FALSE(bench.machine.deadline());
}

TEST(ServiceMachineTest, AKillAsksFirstAndKillsAfterTheGrace) {
  Bench bench;
  bench.run(1);
  bench.kill(2s);
  EXPECT_EQ(bench.taken(), Words{"term 1"});
  bench.pass(1999ms);
  EXPECT_EQ(bench.taken(), Words{});
  bench.pass(1ms);
  EXPECT_EQ(bench.taken(), Words{"kill 1"});
  EXPECT_FALSE(bench.machine.quiet());
  bench.ended(1);
  EXPECT_EQ(bench.taken(), Words{"stopped 1 as 1 settled"});
  EXPECT_TRUE(bench.machine.quiet());
}

TEST(ServiceMachineTest, AForcedKillDoesNotAsk) {
  Bench bench;
  bench.run(1);
  bench.kill(5s, true);
  EXPECT_EQ(bench.taken(), Words{"kill 1"});
}

TEST(ServiceMachineTest, AForcedKillCutsAGraceShort) {
  Bench bench;
  bench.run(1);
  bench.kill(1min);
  bench.taken();
  bench.kill(1min, true);
  EXPECT_EQ(bench.taken(), Words{"kill 1"});
}

TEST(ServiceMachineTest, AKillDuringPreparationEndsIt) {
  Bench bench;
  bench.deploy(1);
  bench.taken();
  bench.kill();
  EXPECT_EQ(bench.taken(), Words{"cancel 1"});
  bench.prepared(1);
  EXPECT_EQ(bench.taken(), Words{});
}

TEST(ServiceMachineTest, AKillDuringASpawnStopsWhatComesUp) {
  Bench bench;
  bench.deploy(1);
  bench.prepared(1);
  bench.taken();
  bench.kill();
  EXPECT_EQ(bench.taken(), Words{});
  EXPECT_FALSE(bench.machine.quiet());
  bench.spawned(1);
  EXPECT_EQ(bench.taken(), (Words{"started 1 as 1", "term 1"}));
  bench.ended(1);
  EXPECT_EQ(bench.taken(), Words{"stopped 1 as 1 settled"});
}

TEST(ServiceMachineTest, AKillOfWhatMayBeStartingIsAnsweredOnceWhenNothingIsLeft) {
  Bench bench;
  bench.deploy(1);
  bench.taken();
  bench.wish.unsettled = true;
  bench.kill();
  EXPECT_EQ(bench.taken(), (Words{"cancel 1", "stopped 1 settled"}));
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});

  bench.deploy(2);
  bench.prepared(2);
  bench.taken();
  bench.wish.unsettled = true;
  bench.kill();
  EXPECT_EQ(bench.taken(), Words{});
  bench.spawn_failed(1);
  EXPECT_EQ(bench.taken(), Words{"stopped 2 settled"});
}

TEST(ServiceMachineTest, AKillThatMeetsACrashIsAnsweredOnceTheViewsAsk) {
  Bench bench;
  bench.run(1);
  bench.ended(1, kError);
  bench.taken();
  bench.kill();
  EXPECT_EQ(bench.taken(), Words{});
  // The crash was applied behind the kill: by the views it may have been started again.
  bench.wish.unsettled = true;
  bench.want();
  EXPECT_EQ(bench.taken(), Words{"stopped 1 settled"});
}

TEST(ServiceMachineTest, ASpawnThatFailsAfterAKillIsNoFailedDeployment) {
  Bench bench;
  bench.deploy(1);
  bench.prepared(1);
  bench.taken();
  bench.kill();
  bench.spawn_failed(1);
  EXPECT_EQ(bench.taken(), Words{});
  EXPECT_TRUE(bench.machine.quiet());
}

TEST(ServiceMachineTest, DeployKillDeployRunsTheSecondGenerationOnceTheFirstIsGone) {
  Bench bench;
  bench.run(1);
  bench.kill();
  bench.deploy(2);
  EXPECT_EQ(bench.taken(), (Words{"term 1", "prepare 2"}));
  bench.prepared(2);
  EXPECT_EQ(bench.taken(), Words{});
  bench.ended(1);
  EXPECT_EQ(bench.taken(), (Words{"stopped 1 as 1", "spawn 2 as 2"}));
}

TEST(ServiceMachineTest, AKillThatWasNeverSeenStillEndsTheOldGeneration) {
  Bench bench;
  bench.run(1);
  bench.deploy(2);
  EXPECT_EQ(bench.taken(), (Words{"term 1", "prepare 2"}));
}

struct PolicyRow {
  RestartPolicy policy;
  Exit end;
  std::string report;
  bool restarts;
};

class RestartPolicyTest : public ::testing::TestWithParam<PolicyRow> {};

TEST_P(RestartPolicyTest, SaysWhatFollowsAnEnd) {
  const PolicyRow& row = GetParam();
  Bench bench;
  bench.run(1, row.policy);
  bench.ended(1, row.end);
  EXPECT_EQ(bench.taken(), Words{row.report + " 1 as 1"});
  bench.pass(1h);
  EXPECT_EQ(bench.taken(), row.restarts ? Words{"prepare 1"} : Words{});
  // The views lag: they still say it runs.
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
}

INSTANTIATE_TEST_SUITE_P(AsInOtp, RestartPolicyTest,
                         ::testing::Values(PolicyRow{RestartPolicy::permanent, kNormal, "exited", true},
                                           PolicyRow{RestartPolicy::permanent, kError, "crashed", true},
                                           PolicyRow{RestartPolicy::permanent, Exit{}, "crashed", true},
                                           PolicyRow{RestartPolicy::transient, kNormal, "exited", false},
                                           PolicyRow{RestartPolicy::transient, kError, "crashed", true},
                                           PolicyRow{RestartPolicy::transient, kKilled, "crashed", true},
                                           PolicyRow{RestartPolicy::transient, Exit{}, "crashed", true},
                                           PolicyRow{RestartPolicy::temporary, kNormal, "exited", false},
                                           PolicyRow{RestartPolicy::temporary, kError, "crashed", false},
                                           PolicyRow{RestartPolicy::temporary, Exit{}, "crashed", false}));

TEST(ServiceMachineTest, ACrashLoopBacksOffAndIsGivenUpAtItsLimit) {
  Bench bench;
  bench.run(1);
  std::vector<std::chrono::milliseconds> delays;
  for (ProcessNumber number = 1; number <= 5; ++number) {
    bench.ended(number, kError);
    EXPECT_EQ(bench.taken(), Words{"crashed 1 as " + std::to_string(number)});
    delays.push_back(bench.pass_to_deadline());
    EXPECT_EQ(bench.taken(), Words{"prepare 1"});
    bench.prepared(1);
    bench.spawned(number + 1);
    bench.taken();
  }
  for (std::size_t i = 0; i < delays.size(); ++i) {
    EXPECT_GE(delays[i], 50ms * (1 << i));
    EXPECT_LE(delays[i], 100ms * (1 << i));
  }
  bench.ended(6, kError);
  EXPECT_EQ(bench.taken(), (Words{"crashed 1 as 6", "failed 1 as 6: restarted 5 times within 60 s"}));
  bench.pass(1h);
  EXPECT_EQ(bench.taken(), Words{});
  EXPECT_TRUE(bench.machine.quiet());
}

TEST(ServiceMachineTest, RestartsLongAgoDoNotCount) {
  Bench bench;
  bench.run(1);
  for (ProcessNumber number = 1; number <= 20; ++number) {
    bench.ended(number, kError);
    bench.pass_to_deadline();
    bench.prepared(1);
    bench.spawned(number + 1);
    bench.pass(30s);
  }
  EXPECT_FALSE(bench.machine.quiet());
}

TEST(ServiceMachineTest, ARequestedRestartStopsAndStartsAndCountsForNothing) {
  Bench bench;
  bench.run(1);
  for (ProcessNumber number = 1; number <= 10; ++number) {
    bench.restart();
    EXPECT_EQ(bench.taken(), (Words{"term " + std::to_string(number), "prepare 1"}));
    bench.prepared(1);
    bench.ended(number, kNormal);
    EXPECT_EQ(bench.taken(),
              (Words{"stopped 1 as " + std::to_string(number), "spawn 1 as " + std::to_string(number + 1)}));
    bench.spawned(number + 1);
    bench.taken();
  }
}

TEST(ServiceMachineTest, ARequestedRestartStartsWhatHasFinished) {
  Bench bench;
  bench.run(1, RestartPolicy::temporary);
  bench.ended(1, kNormal);
  bench.wish.over = true;
  bench.want();
  bench.taken();
  bench.wish.over = false;
  bench.restart();
  EXPECT_EQ(bench.taken(), Words{"prepare 1"});
}

TEST(ServiceMachineTest, ARequestedRestartDoesNotWaitForABackoff) {
  Bench bench;
  bench.run(1);
  bench.ended(1, kError);
  bench.taken();
  bench.restart();
  EXPECT_EQ(bench.taken(), Words{"prepare 1"});
}

TEST(ServiceMachineTest, AnEndThatMeetsARequestedRestartStillLeadsToAStart) {
  Bench bench;
  bench.run(1, RestartPolicy::temporary);
  bench.restart();
  bench.taken();
  bench.prepared(1);
  bench.ended(1, kError);
  EXPECT_EQ(bench.taken(), (Words{"stopped 1 as 1", "spawn 1 as 2"}));
}

TEST(ServiceMachineTest, AReplaceIsPreparedWhileTheCurrentOneRunsAndThenTakesItsPlace) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  EXPECT_EQ(bench.taken(), Words{"prepare 2"});
  bench.prepared(2);
  EXPECT_EQ(bench.taken(), Words{"term 1"});
  bench.ended(1);
  EXPECT_EQ(bench.taken(), (Words{"stopped 1 as 1", "spawn 2 as 2"}));
  bench.spawned(2);
  EXPECT_EQ(bench.taken(), Words{"started 2 as 2"});
  // The views still name it pending.
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
  bench.promote();
  EXPECT_EQ(bench.taken(), Words{});
  bench.ended(2, kError);
  EXPECT_EQ(bench.taken(), Words{"crashed 2 as 2"});
}

TEST(ServiceMachineTest, AReplaceThatCannotBePreparedLeavesTheCurrentOneAlone) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.taken();
  bench.prepare_failed(2);
  EXPECT_EQ(bench.taken(), Words{"deployment_failed 2: does not compile"});
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
}

TEST(ServiceMachineTest, AReplaceThatCannotBeSpawnedGivesThePlaceBack) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  bench.taken();
  bench.spawn_failed(2);
  EXPECT_EQ(bench.taken(), (Words{"deployment_failed 2: not found", "prepare 1"}));
  bench.prepared(1);
  bench.spawned(3);
  EXPECT_EQ(bench.taken(), (Words{"spawn 1 as 3", "started 1 as 3"}));
}

TEST(ServiceMachineTest, TheCurrentOneIsRestartedByItsPolicyWhileAReplaceIsPrepared) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.ended(1, kError);
  bench.taken();
  bench.pass_to_deadline();
  EXPECT_EQ(bench.taken(), Words{"prepare 1"});
  bench.prepared(1);
  EXPECT_EQ(bench.taken(), Words{"spawn 1 as 2"});
}

TEST(ServiceMachineTest, APreparedReplaceDoesNotWaitForTheCurrentOnesBackoff) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.ended(1, kError);
  bench.taken();
  bench.prepared(2);
  EXPECT_EQ(bench.taken(), Words{"spawn 2 as 2"});
}

TEST(ServiceMachineTest, ANewerReplaceSupersedesOneInPreparation) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.taken();
  bench.replace(3);
  EXPECT_EQ(bench.taken(), (Words{"cancel 2", "prepare 3"}));
  bench.prepared(2);
  EXPECT_EQ(bench.taken(), Words{});
}

TEST(ServiceMachineTest, ANewerReplaceSupersedesOneThatIsBeingSpawned) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  bench.taken();
  bench.replace(3);
  bench.prepared(3);
  bench.taken();
  bench.spawned(2);
  EXPECT_EQ(bench.taken(), (Words{"started 2 as 2", "term 2"}));
  bench.ended(2);
  EXPECT_EQ(bench.taken(), (Words{"stopped 2 as 2", "spawn 3 as 3"}));
}

TEST(ServiceMachineTest, AReplaceOfOneThatHasJustStartedDoesNotBringTheOldOneBackInBetween) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  bench.spawned(2);
  bench.taken();
  // The record has the third before it has the start of the second: its current one is the first.
  bench.replace(3);
  EXPECT_EQ(bench.taken(), Words{"prepare 3"});
  bench.prepared(3);
  EXPECT_EQ(bench.taken(), Words{"term 2"});
  bench.ended(2);
  EXPECT_EQ(bench.taken(), (Words{"stopped 2 as 2", "spawn 3 as 3"}));
}

TEST(ServiceMachineTest, OneThatWasReplacedBeforeItsStartWasRecordedGoesWhenItsReplacementFails) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  bench.spawned(2);
  bench.replace(3);
  bench.taken();
  bench.prepare_failed(3);
  EXPECT_EQ(bench.taken(), (Words{"deployment_failed 3: does not compile", "term 2", "prepare 1"}));
}

TEST(ServiceMachineTest, AKillEndsBothGenerations) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.taken();
  bench.kill();
  EXPECT_EQ(bench.taken(), (Words{"term 1", "cancel 2"}));
  bench.ended(1);
  EXPECT_EQ(bench.taken(), Words{"stopped 1 as 1 settled"});
  bench.pass(1h);
  EXPECT_EQ(bench.taken(), Words{});
}

TEST(ServiceMachineTest, TheFirstStartOfAGenerationFailsForGood) {
  Bench bench;
  bench.deploy(1);
  bench.taken();
  bench.prepare_failed(1);
  EXPECT_EQ(bench.taken(), Words{"deployment_failed 1: does not compile"});
  bench.pass(1h);
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
}

TEST(ServiceMachineTest, AFirstStartIsTriedAgainWhileWhatItFailedFromMayPass) {
  Bench bench;
  bench.deploy(1);
  const StartFailure full{"no memory", "", true};
  int attempts = 0;
  for (Words words = bench.taken(); words == Words{"prepare 1"}; words = bench.taken()) {
    ++attempts;
    bench.prepared(1);
    bench.spawn_failed(bench.last_number, full);
    if (bench.machine.deadline()) {
      bench.taken();
      bench.pass_to_deadline();
    }
  }
  EXPECT_GT(attempts, 3);
  EXPECT_EQ(bench.machine.deadline(), std::nullopt);
}

TEST(ServiceMachineTest, AGenerationThatHasRunIsTriedForEverAndEachReasonToldOnce) {
  Bench bench;
  bench.run(1);
  bench.ended(1, kError);
  bench.taken();
  std::chrono::milliseconds longest{0};
  for (int attempt = 0; attempt < 20; ++attempt) {
    longest = std::max(longest, bench.pass_to_deadline());
    EXPECT_EQ(bench.taken(), Words{"prepare 1"});
    bench.prepare_failed(1, {attempt % 2 == 0 ? "disk full" : "no memory", "", false});
    EXPECT_EQ(bench.taken(), attempt == 0   ? Words{"recovery_failed 1: disk full"}
                             : attempt == 1 ? Words{"recovery_failed 1: no memory"}
                                            : Words{});
  }
  EXPECT_GE(longest, 30s);
  EXPECT_LE(longest, 60s);
  bench.pass_to_deadline();
  bench.prepared(1);
  bench.spawned(bench.last_number);
  const Words words = bench.taken();
  EXPECT_EQ(words.back(), "started 1 as 2");
}

TEST(ServiceMachineTest, WhereItMayNotActItStopsWhatRunsAndStartsNothing) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.taken();
  bench.allow(false);
  EXPECT_EQ(bench.taken(), (Words{"term 1", "cancel 2"}));
  bench.pass(5s);
  EXPECT_EQ(bench.taken(), Words{"kill 1"});
  bench.ended(1);
  EXPECT_EQ(bench.taken(), Words{"stopped 1 as 1"});
  bench.pass(1h);
  bench.want();
  EXPECT_EQ(bench.taken(), Words{});
}

class RecoveryTest : public ::testing::Test {
 protected:
  void record(std::uint64_t generation, bool over = false) {
    bench_.wish.run = true;
    bench_.wish.ever_started = true;
    bench_.wish.over = over;
    bench_.wish.current = Bench::target(generation, RestartPolicy::permanent);
  }
  Actions actions_;
  Bench bench_;
};

TEST_F(RecoveryTest, AStartIsReportedAsARecovery) {
  bench_.machine.begin_recovery();
  bench_.machine.add_gone(50, 1);
  record(1);
  bench_.want();
  EXPECT_TRUE(bench_.machine.recovering());
  bench_.prepared(1);
  bench_.taken();
  bench_.spawned(1);
  EXPECT_EQ(bench_.taken(), Words{"recovered 1 as 1"});
  EXPECT_FALSE(bench_.machine.recovering());
  bench_.ended(1, kError);
  bench_.pass_to_deadline();
  bench_.prepared(1);
  bench_.spawned(2);
  EXPECT_EQ(bench_.taken().back(), "started 1 as 2");
}

TEST_F(RecoveryTest, AFailedStartIsReportedOnceAndTriedAgain) {
  bench_.machine.begin_recovery();
  bench_.machine.add_gone(70, 1);
  record(1);
  bench_.want();
  bench_.taken();
  bench_.prepare_failed(1, {"disk full", "", true});
  EXPECT_EQ(bench_.taken(), Words{"recovery_failed 1: disk full"});
  EXPECT_FALSE(bench_.machine.recovering());
  EXPECT_EQ(bench_.machine.waiting_for(), "disk full");
  EXPECT_TRUE(bench_.machine.deadline());
}

TEST_F(RecoveryTest, AnAdoptedProcessIsKept) {
  bench_.machine.begin_recovery();
  bench_.machine.adopt(70, Bench::target(1, RestartPolicy::permanent), 0, actions_);
  ASSERT_EQ(actions_.size(), 1);
  EXPECT_TRUE(std::get<Observe>(actions_[0]).adopted);
  EXPECT_EQ(std::get<Observe>(actions_[0]).report, Report::recovered);
  record(1);
  bench_.want();
  EXPECT_EQ(bench_.taken(), Words{});
  bench_.ended(70, Exit{});
  EXPECT_EQ(bench_.taken(), Words{"crashed 1 as 70"});
  EXPECT_TRUE(bench_.machine.deadline());
}

TEST_F(RecoveryTest, AnAdoptedReplacementIsThePromotedOne) {
  bench_.machine.begin_recovery();
  bench_.machine.adopt(70, Bench::target(2, RestartPolicy::permanent), 0, actions_);
  record(1);
  bench_.replace(2);
  EXPECT_EQ(bench_.taken(), Words{});
  bench_.promote();
  EXPECT_EQ(bench_.taken(), Words{});
}

TEST_F(RecoveryTest, NothingIsSpawnedBeforeLeftoversAreGone) {
  bench_.machine.begin_recovery();
  bench_.machine.add_leftover(70, 1, true, false);
  bench_.machine.add_leftover(71, 1, false, true);
  record(2);
  bench_.want();
  EXPECT_EQ(bench_.taken(), (Words{"term 70", "kill 71", "prepare 2"}));
  bench_.prepared(2);
  bench_.ended(71);
  EXPECT_EQ(bench_.taken(), Words{});
  bench_.pass(5s);
  EXPECT_EQ(bench_.taken(), Words{"kill 70"});
  bench_.ended(70);
  EXPECT_EQ(bench_.taken(), (Words{"stopped 1 as 70", "spawn 2 as 1"}));
}

TEST_F(RecoveryTest, WhatAKilledServiceLeftIsStoppedAndReported) {
  bench_.machine.begin_recovery();
  bench_.machine.add_leftover(70, 1, true, false);
  bench_.machine.add_gone(50, 1);
  bench_.kill();
  EXPECT_EQ(bench_.taken(), Words{"term 70"});
  EXPECT_TRUE(bench_.machine.recovering());
  bench_.ended(70, kNormal);
  EXPECT_EQ(bench_.taken(), (Words{"stopped 1 as 70", "stopped 1 as 50"}));
  EXPECT_FALSE(bench_.machine.recovering());
}

TEST_F(RecoveryTest, FinishedAndFailedServicesStaySo) {
  bench_.machine.begin_recovery();
  record(1, true);
  bench_.want();
  EXPECT_EQ(bench_.taken(), Words{});
  EXPECT_FALSE(bench_.machine.recovering());
}

TEST_F(RecoveryTest, AServiceKilledBeforeItIsBackHasItsFormerInstanceReportedGone) {
  bench_.machine.begin_recovery();
  bench_.machine.add_gone(50, 1);
  record(1);
  bench_.want();
  bench_.taken();
  bench_.kill();
  EXPECT_EQ(bench_.taken(), (Words{"cancel 1", "stopped 1 as 50"}));
}

RC_GTEST_PROP(ServiceMachineProperty, AServiceThatAlwaysCrashesAtOnceEndsInFailedWhateverItsLimits, ()) {
  Bench bench;
  Target target = Bench::target(1, RestartPolicy::permanent);
  target.limits.max_restarts = *rc::gen::inRange<std::uint32_t>(1, 60);
  target.limits.window = std::chrono::seconds(*rc::gen::inRange(1, 600));
  bench.wish.run = true;
  bench.wish.current = target;
  bench.want();
  for (std::uint32_t start = 0; start <= target.limits.max_restarts; ++start) {
    bench.prepared(1);
    bench.spawned(bench.last_number);
    bench.taken();
    bench.pass(10ms / target.limits.max_restarts);
    bench.ended(bench.last_number, kError);
    bench.pass_to_deadline();
  }
  const auto words = bench.taken();
  RC_ASSERT(std::any_of(words.begin(), words.end(), [](const auto& word) { return word.starts_with("failed 1"); }));
  bench.pass(1h);
  RC_ASSERT(bench.taken().empty());
}

// Everything that may happen to a machine, in any order: whatever comes, there is never a second process, nothing is
// spawned for a service that is not to run, and all that was started is reported gone in the end.
void run_any_course() {
  Bench bench;
  std::set<ProcessNumber> spawning;
  std::set<ProcessNumber> running;
  std::set<std::uint64_t> preparing;
  std::set<ProcessNumber> reported;
  std::uint64_t last_generation = 0;

  const auto look = [&] {
    for (const std::string& word : bench.taken()) {
      const std::string verb = word.substr(0, word.find(' '));
      const std::uint64_t first = std::stoull(word.substr(word.find(' ') + 1));
      const std::size_t as = word.find(" as ");
      const ProcessNumber number = as == std::string::npos ? 0 : std::stoull(word.substr(as + 4));
      if (verb == "prepare") preparing.insert(first);
      if (verb == "cancel") preparing.erase(first);
      if (verb == "spawn") {
        RC_ASSERT(spawning.empty() && running.empty());
        RC_ASSERT(bench.wish.run);
        spawning.insert(number);
      }
      if (verb == "term" || verb == "kill") RC_ASSERT(running.contains(first));
      if (verb == "started") RC_ASSERT(reported.insert(number).second);
      if (verb == "stopped" || verb == "exited" || verb == "crashed") RC_ASSERT(reported.erase(number) == 1U);
    }
  };

  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
        bench.deploy(++last_generation,
                     *rc::gen::element(RestartPolicy::permanent, RestartPolicy::transient, RestartPolicy::temporary));
        break;
      case 1:
        if (bench.wish.run) bench.replace(++last_generation);
        break;
      case 2:
        bench.kill(1s, *rc::gen::arbitrary<bool>());
        break;
      case 3:
        if (bench.wish.run) bench.restart();
        break;
      case 4:
      case 5:
        if (!preparing.empty()) {
          const std::uint64_t generation = *preparing.begin();
          preparing.erase(generation);
          if (*rc::gen::arbitrary<bool>()) {
            bench.prepared(generation);
          } else {
            bench.prepare_failed(generation);
          }
        }
        break;
      case 6:
        if (!spawning.empty()) {
          const ProcessNumber number = *spawning.begin();
          spawning.clear();
          if (*rc::gen::arbitrary<bool>()) {
            running.insert(number);
            bench.spawned(number);
          } else {
            bench.spawn_failed(number);
          }
        }
        break;
      case 7:
        if (!running.empty()) {
          const ProcessNumber number = *running.begin();
          running.clear();
          bench.ended(number, *rc::gen::element(kNormal, kError, kKilled));
        }
        break;
      default:
        bench.pass(*rc::gen::element(10ms, 1s, 30s));
    }
    look();
  }
  bench.allow(false);
  look();
  if (!spawning.empty()) {
    running = spawning;
    bench.spawned(*spawning.begin());
    spawning.clear();
    look();
  }
  if (!running.empty()) bench.ended(*std::exchange(running, {}).begin());
  look();
  RC_ASSERT(bench.machine.quiet());
  RC_ASSERT(reported.empty());
}

TEST(ServiceMachineTest, NoCourseOfEventsLeadsToTwoProcessesOrALostOne) { EXPECT_TRUE(rc::check(run_any_course)); }

const StartFailure kMayPass{"no room", "", true};

TEST(ServiceMachine, TriesAReplacementAgainWhileWhatItsStartFailedFromMayPassAndBringsTheOldOneBackNoMore) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  ASSERT_EQ(bench.taken(), (Words{"prepare 2", "term 1", "stopped 1 as 1", "spawn 2 as 2"}));
  bench.spawn_failed(2, kMayPass);
  EXPECT_EQ(bench.taken(), Words{});
  EXPECT_EQ(bench.machine.waiting_for(), "no room");
  EXPECT_EQ(bench.machine.operation(), "wait");
  const auto pause = bench.pass_to_deadline();
  EXPECT_GT(pause, 0ms);
  EXPECT_LT(pause, 1s);
  EXPECT_EQ(bench.taken(), Words{"prepare 2"});
  EXPECT_EQ(bench.pass_to_deadline(), -1ms) << "nothing more is due while it is prepared";
  bench.prepared(2);
  EXPECT_EQ(bench.taken(), Words{"spawn 2 as 3"});
  bench.spawned(3);
  EXPECT_EQ(bench.taken(), Words{"started 2 as 3"});
  EXPECT_EQ(bench.machine.waiting_for(), "");
}

TEST(ServiceMachine, GivesAReplacementUpAfterItsStartUpTimeoutAndBringsTheOldOneBack) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.prepared(2);
  bench.ended(1);
  bench.taken();
  bench.spawn_failed(2, kMayPass);
  bench.pass(Bench::target(2, RestartPolicy::permanent).limits.startup_timeout);
  bench.prepared(2);
  bench.taken();
  bench.spawn_failed(3, kMayPass);
  EXPECT_EQ(bench.taken(), (Words{"deployment_failed 2: no room", "prepare 1"}));
}

TEST(ServiceMachine, RunsOnWhileTheReplacementIsPreparedAgainAndRestartsWhatCrashesMeanwhile) {
  Bench bench;
  bench.run(1);
  bench.replace(2);
  bench.taken();
  bench.prepare_failed(2, kMayPass);
  EXPECT_EQ(bench.taken(), Words{}) << "the old one runs";
  bench.ended(1);
  EXPECT_EQ(bench.taken(), Words{"crashed 1 as 1"});
  for (int step = 0; step < 2; ++step) bench.pass_to_deadline();
  EXPECT_EQ(bench.taken(), (Words{"prepare 2", "prepare 1"}));
}

}  // namespace
}  // namespace solo::consumers
