#include "consumers/recovery_plan.h"

#include <gtest/gtest.h>

#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

class RecoveryPlanTest : public ::testing::Test {
 protected:
  RecoveryPlanTest() { run(3); }

  // The record of a service whose generation is to run.
  void run(std::uint64_t generation, v1::Phase phase = v1::Phase::running) {
    record_.desired = v1::Desired::run;
    record_.phase = phase;
    record_.current.ensure().generation = generation;
    record_.current->spec.ensure();
  }

  void recorded(const std::string& instance, std::uint64_t generation, int pid, std::uint64_t epoch = 0) {
    v1::InstanceT entry;
    entry.instance = instance;
    entry.generation = generation;
    entry.identity.ensure().pid = pid;
    entry.identity->start_time = static_cast<std::uint64_t>(pid) * 10;
    entry.identity->boot_id = "boot";
    entry.restart_epoch = epoch;
    record_.instances.emplace_back(entry);
  }

  // A process whose start time goes with its pid.
  void found(const std::string& instance, std::uint64_t generation, int pid, bool leader = true) {
    found_.push_back({Identity{pid, static_cast<std::uint64_t>(pid) * 10, "boot"},
                      Marker{"log", "node", "acme", "web", generation, instance}, leader});
  }

  void unmarked(int pid, bool leader = true) {
    found("process " + std::to_string(pid), 0, pid, leader);
    found_.back().damage = "it bears none";
  }

  // `keep PID`, `stop PID`, `gone INSTANCE`.
  std::vector<std::string> plan(bool known = true) const {
    const RecoveryPlan result = plan_recovery(known ? &record_ : nullptr, found_);
    std::vector<std::string> words;
    if (result.keep) {
      words.push_back("keep " + std::to_string(result.keep->process.identity.pid) +
                      (result.keep->pending ? " pending" : ""));
    }
    for (const auto& stop : result.stop) {
      words.push_back("stop " + std::to_string(stop.process.identity.pid) + (stop.reported ? " reported" : "") +
                      (stop.at_once ? " at once" : ""));
    }
    for (const auto& gone : result.gone) words.push_back("gone " + gone.instance);
    return words;
  }

  v1::ServiceRecordT record_;
  std::vector<FoundProcess> found_;
};

using Words = std::vector<std::string>;

TEST_F(RecoveryPlanTest, ARecordedProcessOfTheCurrentGenerationIsKept) {
  recorded("i", 3, 100);
  found("i", 3, 100);
  EXPECT_EQ(plan(), Words{"keep 100"});
}

TEST_F(RecoveryPlanTest, AProcessWhoseStartWasNotReportedIsKeptToo) {
  found("i", 3, 100);
  EXPECT_EQ(plan(), Words{"keep 100"});
}

TEST_F(RecoveryPlanTest, ARecordedProcessThatIsNotThereIsGone) {
  recorded("i", 3, 100);
  EXPECT_EQ(plan(), Words{"gone i"});
}

TEST_F(RecoveryPlanTest, APidThatIsNowAnotherProcessIsNotIt) {
  recorded("i", 3, 100);
  found_.push_back({Identity{100, 7777, "boot"}, Marker{"log", "node", "acme", "web", 3, "other"}, true});
  record_.desired = v1::Desired::stopped;
  EXPECT_EQ(plan(), (Words{"stop 100", "gone i"}));
}

TEST_F(RecoveryPlanTest, WhatAKilledServiceLeftIsStopped) {
  recorded("i", 3, 100);
  found("i", 3, 100);
  record_.desired = v1::Desired::stopped;
  EXPECT_EQ(plan(), Words{"stop 100 reported"});
}

TEST_F(RecoveryPlanTest, WhatFinishedOrFailedLeftIsStopped) {
  found("i", 3, 100);
  for (const v1::Phase phase : {v1::Phase::finished, v1::Phase::failed}) {
    run(3, phase);
    EXPECT_EQ(plan(), Words{"stop 100"});
  }
}

TEST_F(RecoveryPlanTest, AnOlderGenerationIsStoppedBesideTheCurrentOne) {
  recorded("old", 2, 90);
  found("old", 2, 90);
  found("new", 3, 100);
  EXPECT_EQ(plan(), (Words{"keep 100", "stop 90 reported"}));
}

TEST_F(RecoveryPlanTest, OfTwoOfTheCurrentGenerationTheYoungerIsKept) {
  found("a", 3, 100);
  found("b", 3, 110);
  EXPECT_EQ(plan(), (Words{"keep 110", "stop 100"}));
}

TEST_F(RecoveryPlanTest, APendingGenerationThatWasSpawnedHasTakenThePlace) {
  record_.pending.ensure().generation = 4;
  found("new", 4, 100);
  EXPECT_EQ(plan(), Words{"keep 100 pending"});
}

TEST_F(RecoveryPlanTest, AnInstanceThatWasAskedToRestartIsNotKept) {
  recorded("i", 3, 100, 1);
  found("i", 3, 100);
  record_.restart_epoch = 2;
  EXPECT_EQ(plan(), Words{"stop 100 reported"});
}

TEST_F(RecoveryPlanTest, DescendantsOfAKeptProcessAreItsOwnBusiness) {
  recorded("i", 3, 100);
  found("i", 3, 100);
  found("i", 3, 101, false);
  found("i", 3, 102, true);
  EXPECT_EQ(plan(), Words{"keep 100"});
}

TEST_F(RecoveryPlanTest, DescendantsOfADeadProcessAreEndedAtOnce) {
  recorded("i", 3, 100);
  found("i", 3, 101, false);
  found("i", 3, 102, true);
  EXPECT_EQ(plan(), (Words{"stop 101 at once", "stop 102 at once", "gone i"}));
}

TEST_F(RecoveryPlanTest, ProcessesOfNobodysServiceAreStopped) {
  found("i", 3, 100);
  EXPECT_EQ(plan(false), Words{"stop 100"});
}

TEST_F(RecoveryPlanTest, KeepsNoneThatBearsNoMarkAndStopsWhatIsNotOfTheOneThatIsKept) {
  recorded("run-1", 3, 20);
  found("run-1", 3, 20);
  unmarked(10);
  unmarked(30);
  EXPECT_EQ(plan(), (Words{"keep 20", "stop 10"})) << "the younger may have been started by it";
}

TEST_F(RecoveryPlanTest, StopsAllThatBearNoMarkWhereNoneIsKept) {
  recorded("run-1", 3, 20);
  unmarked(10);
  unmarked(30, false);
  EXPECT_EQ(plan(), (Words{"stop 10", "stop 30 at once", "gone run-1"}));
}

}  // namespace
}  // namespace solo::consumers
