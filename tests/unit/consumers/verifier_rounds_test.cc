#include "consumers/verifier_rounds.h"

#include <gtest/gtest.h>

#include "tests/unit/consumers/verifier_world.h"

namespace solo::testing {
namespace {

using consumers::Instant;
using consumers::Round;
using consumers::VerifierRounds;
using namespace std::chrono_literals;

class VerifierRoundsTest : public ::testing::Test {
 protected:
  VerifierRoundsTest() {
    world_.add_service(0);
    world_.inventory.reconciled = "0:9";
  }

  Round round() const {
    return {schemas::Cut{{{0, 9}}}, world_.desired, world_.inventory, world_.observed, world_.desired};
  }
  void seed_second_instance() { ASSERT_TRUE(world_.seed({3, 0})); }
  /// Two rounds, the second as `change` makes it.
  template <class Change>
  std::size_t count_after(Change change) {
    VerifierRounds rounds;
    rounds.add(round(), now_);
    if (!rounds.next()) return rounds.findings().size();
    Round second = round();
    change(second);
    rounds.add(second, *rounds.next());
    EXPECT_FALSE(rounds.next());
    return rounds.findings().size();
  }
  std::size_t count_after() {
    return count_after([](Round&) {});
  }

  VerifierWorld world_;
  const Instant now_{1000s};
};

TEST_F(VerifierRoundsTest, OneRoundIsEnoughWhenAllAgrees) {
  VerifierRounds rounds;
  rounds.add(round(), now_);
  EXPECT_FALSE(rounds.next());
  EXPECT_TRUE(rounds.findings().empty());
  EXPECT_EQ(rounds.checked()[0], 1U);
}

TEST_F(VerifierRoundsTest, ADifferenceIsLookedAtAgainAtLeast500MsLater) {
  seed_second_instance();
  VerifierRounds rounds;
  rounds.add(round(), now_);
  ASSERT_TRUE(rounds.next());
  EXPECT_EQ(*rounds.next(), now_ + 500ms);
  EXPECT_TRUE(rounds.findings().empty());
}

TEST_F(VerifierRoundsTest, ADifferenceThatIsThereTwiceCounts) {
  seed_second_instance();
  EXPECT_EQ(count_after(), 1U);
}

TEST_F(VerifierRoundsTest, OneThatIsGoneTheSecondTimeDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.observed.pop_back(); }), 0U);
}

TEST_F(VerifierRoundsTest, TheSameInvariantBrokenByAnotherProcessOfTheSameInstanceDoes) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) {
              ++second.observed.back().found.identity.pid;
              ++second.observed.back().found.identity.start_time;
            }),
            1U)
      << "a process that keeps changing its number is there all the while";
}

TEST_F(VerifierRoundsTest, StraysOfAServiceThatWaitsBetweenRestartsCountAndNothingElseOfIt) {
  seed_second_instance();
  auto& held = *world_.inventory.services.front();
  held.operation = consumers::kBetweenRestarts;
  held.instance.clear();
  held.process.reset();
  world_.observed.erase(world_.observed.begin());
  EXPECT_EQ(count_after(), 1U);
  world_.observed.clear();
  EXPECT_EQ(count_after(), 0U) << "it is not missing, and its last instance is on its way out of the views";
}

TEST_F(VerifierRoundsTest, WhatIsNotJudgedIsCounted) {
  EXPECT_EQ(consumers::settled_differences(round()).at_work, 0U);
  world_.add_service(5);
  auto changing = round();
  std::prev(changing.after.services.end())->second.hash.low = 1;
  EXPECT_EQ(consumers::settled_differences(changing).at_work, 1U);
  world_.inventory.services.front()->operation = "stop";
  EXPECT_EQ(consumers::settled_differences(round()).at_work, 1U);
  world_.inventory.services.front()->operation = consumers::kBetweenRestarts;
  EXPECT_EQ(consumers::settled_differences(round()).at_work, 0U);
}

TEST_F(VerifierRoundsTest, TheSameInvariantBrokenByAnotherInstanceDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.observed.back().found.marker.instance += "x"; }), 0U);
}

TEST_F(VerifierRoundsTest, AServiceThatChangedBetweenTheTwoViewsDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.after.services.begin()->second.hash.low = 1; }), 0U);
}

TEST_F(VerifierRoundsTest, AServiceThatIsGoneFromTheSecondViewsDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.after.services.clear(); }), 0U);
}

TEST_F(VerifierRoundsTest, AServiceWithAnOperationInFlightDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.inventory.services.front()->operation = "stop"; }), 0U);
}

TEST_F(VerifierRoundsTest, AServiceWithAnObservationThatIsNotDurableDoesNot) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.inventory.services.front()->observations_pending = 1; }), 0U);
}

TEST_F(VerifierRoundsTest, AnInventoryThatHasNotComeToTheViewsCutProvesNothing) {
  seed_second_instance();
  EXPECT_EQ(count_after([](Round& second) { second.inventory.reconciled = "0:8"; }), 0U);
}

TEST_F(VerifierRoundsTest, TheFirstRoundIsHeldToTheSameRules) {
  seed_second_instance();
  world_.inventory.services.front()->operation = "spawn";
  VerifierRounds rounds;
  rounds.add(round(), now_);
  EXPECT_FALSE(rounds.next());
}

TEST_F(VerifierRoundsTest, AnotherNodesProcessesCountUnlessTheOwnerChanges) {
  world_.observed.push_back(world_.observed.front());
  world_.observed.back().found.marker.node = "other";
  world_.observed.back().found.marker.instance = "foreign-1";
  EXPECT_EQ(count_after(), 1U);
  EXPECT_EQ(count_after([](Round& second) { second.after.owners.front().run = "other"; }), 0U);
}

TEST(HasReconciled, NeedsEveryPartitionOfTheCut) {
  v1::InventoryReportT inventory;
  inventory.reconciled = "0:5,2:7";
  EXPECT_TRUE(consumers::has_reconciled(inventory, {{{0, 5}, {2, 6}}}));
  EXPECT_FALSE(consumers::has_reconciled(inventory, {{{0, 6}}}));
  EXPECT_FALSE(consumers::has_reconciled(inventory, {{{1, 0}}}));
  EXPECT_TRUE(consumers::has_reconciled(inventory, {}));
}

}  // namespace
}  // namespace solo::testing
