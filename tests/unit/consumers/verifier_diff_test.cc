// What the comparison promises, over random worlds.
#include "consumers/verifier_diff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "consumers/spec_digest.h"
#include "tests/unit/consumers/verifier_world.h"

namespace solo::testing {
namespace {

using consumers::Finding;
using Seeded = VerifierWorld::Seeded;

VerifierWorld world_of(const std::vector<std::uint8_t>& states) {
  VerifierWorld world;
  for (const std::uint8_t state : states) world.add_service(state);
  return world;
}

std::vector<std::uint8_t> some_states() {
  return *rc::gen::resize(
      20, rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint8_t>>(rc::gen::inRange<std::uint8_t>(0, 6))));
}

std::string words(const std::vector<Finding>& findings) {
  std::string all;
  for (const Finding& finding : findings) {
    all += finding.code + " " + finding.tenant + "/" + finding.service + " " +
           v1::EnumNameRepairAction(finding.action) + ": " + finding.found + "\n";
  }
  return all;
}

std::size_t count(const std::vector<Finding>& findings, const Seeded& seeded) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.code == seeded.code && finding.tenant == seeded.tenant && finding.service == seeded.service &&
           finding.action == seeded.action;
  }));
}

/// At most one difference per service, so that none hides another.
std::vector<Seeded> seed(VerifierWorld& world, const std::vector<Choice>& choices) {
  std::set<std::uint8_t> used;
  std::vector<Seeded> seeded;
  for (const Choice& choice : choices) {
    const bool own_service = choice.kind % VerifierWorld::kSeeds != 4;
    const auto index = static_cast<std::uint8_t>(choice.service % world.services());
    if (own_service && used.contains(index)) continue;
    if (auto one = world.seed(choice)) {
      if (own_service) used.insert(index);
      seeded.push_back(*std::move(one));
    }
  }
  return seeded;
}

RC_GTEST_PROP(AnyWorld, ThatAgreesRaisesNoAlarm, ()) {
  const VerifierWorld world = world_of(some_states());
  const auto diff = world.diff();
  if (!diff.findings.empty()) RC_FAIL(words(diff.findings));
}

RC_GTEST_PROP(AnyWorld, EverySeededDifferenceIsFoundAndNamedAndNothingElse, (const std::vector<Choice>& choices)) {
  VerifierWorld world = world_of(some_states());
  const std::vector<Seeded> seeded = seed(world, choices);
  const auto findings = world.diff().findings;
  for (const Seeded& one : seeded) {
    if (count(findings, one) != 1) RC_FAIL(one.code + " of " + one.service + " is not in\n" + words(findings));
  }
  if (findings.size() != seeded.size()) RC_FAIL(words(findings));
  for (const Finding& finding : findings) {
    RC_ASSERT(finding.severity != v1::Severity::unspecified);
    RC_ASSERT(!finding.expected.empty());
    RC_ASSERT(!finding.found.empty());
  }
}

RC_GTEST_PROP(AnyWorld, TheRepairsLeaveNoDifferenceThatCanBeMended, (const std::vector<Choice>& choices)) {
  VerifierWorld world = world_of(some_states());
  seed(world, choices);
  RC_ASSERT(world.repair(world.diff().findings));
  for (const Finding& finding : world.diff().findings) {
    if (finding.action != v1::RepairAction::unspecified) RC_FAIL(words({finding}));
  }
}

RC_GTEST_PROP(AnyWorld, AllStraysOfAServiceAreGoneAfterOneVerification, ()) {
  VerifierWorld world = world_of(some_states());
  const auto service = *rc::gen::arbitrary<std::uint8_t>();
  const int strays = *rc::gen::inRange(2, 8);
  for (int i = 0; i < strays; ++i) {
    for (const std::uint8_t kind : {1, 2, 3, 15}) world.seed({kind, service});
  }
  RC_ASSERT(world.repair(world.diff().findings));
  if (const auto left = world.diff().findings; !left.empty()) RC_FAIL(words(left));
}

RC_GTEST_PROP(AnyWorld, DifferencesOnTopOfEachOtherAreMendedWithinAFewRounds, (const std::vector<Choice>& choices)) {
  VerifierWorld world = world_of(some_states());
  for (const Choice& choice : choices) world.seed(choice);
  for (int round = 0; round < 4; ++round) {
    RC_ASSERT(world.repair(world.diff().findings));
  }
  for (const Finding& finding : world.diff().findings) {
    if (finding.action != v1::RepairAction::unspecified) RC_FAIL(words({finding}));
  }
}

class VerifierDiff : public ::testing::Test {
 protected:
  VerifierDiff() : world_(world_of({0, 3, 5})) {}
  VerifierWorld world_;
};

TEST_F(VerifierDiff, AnotherNodesServicesOfThisLogAreTwoRuntimesAndLeftAlone) {
  consumers::SeenProcess process = world_.observed.front();
  process.found.identity.pid = 77;
  process.found.marker.instance = "foreign-1";
  process.found.marker.node = "other";
  world_.observed.push_back(process);
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].code, "one_runtime");
  EXPECT_EQ(findings[0].severity, v1::Severity::critical);
  EXPECT_EQ(findings[0].action, v1::RepairAction::unspecified);
  EXPECT_EQ(findings[0].process->pid, 77);
}

TEST_F(VerifierDiff, WhatTheRuntimeIsStoppingOfAnotherNodeIsNoSecondRuntime) {
  consumers::SeenProcess process = world_.observed.front();
  process.found.identity.pid = 77;
  process.found.marker.instance = "foreign-1";
  process.found.marker.node = "other";
  world_.observed.push_back(process);
  for (auto& entry : world_.inventory.services) entry->operation = "stop";
  for (const auto& finding : world_.diff().findings) EXPECT_NE(finding.code, "one_runtime");
}

TEST_F(VerifierDiff, WhatTheRuntimeHasAdoptedOfAnotherNodeIsItsOwn) {
  world_.observed.front().found.marker.node = "former";
  EXPECT_TRUE(world_.diff().findings.empty());
}

TEST_F(VerifierDiff, ADamagedMarkerIsNamedOfItsServiceAndLeftAlone) {
  consumers::SeenProcess process = world_.observed.front();
  process.found.identity.pid = 77;
  process.found.marker.instance.clear();
  process.found.damage = "SOLO_INSTANCE is missing";
  world_.observed.push_back(process);
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].code, "process_is_known");
  EXPECT_EQ(findings[0].service, process.found.marker.service);
  EXPECT_EQ(findings[0].action, v1::RepairAction::unspecified);
  EXPECT_NE(findings[0].found.find("SOLO_INSTANCE is missing"), std::string::npos);

  world_.observed.back().found.marker.service.clear();
  EXPECT_EQ(world_.diff().findings.at(0).tenant, "") << "half a name is none";
  world_.observed.back().holder = "run-1";
  EXPECT_TRUE(world_.diff().findings.empty()) << "a descendant of what the runtime holds";
}

TEST_F(VerifierDiff, ADescendantThatNamesAnotherNodeIsAStrayAndNoSecondRuntime) {
  consumers::SeenProcess process = world_.observed.front();
  process.found.identity.pid = 77;
  process.found.marker.instance = "foreign-1";
  process.found.marker.node = "other";
  process.holder = "run-1";
  world_.observed.push_back(process);
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].code, "one_instance");
  EXPECT_EQ(findings[0].severity, v1::Severity::warning);
  EXPECT_EQ(findings[0].action, v1::RepairAction::stop);
}

TEST_F(VerifierDiff, WhatDescendsFromAHeldInstanceIsNotTakenUpAsAnother) {
  ASSERT_TRUE(world_.seed({6, 0}));
  world_.observed.front().holder = "run-9";
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 2U) << words(findings);
  EXPECT_EQ(findings[0].code, "deployed_service_is_live");
  EXPECT_EQ(findings[1].code, "one_instance");
}

TEST_F(VerifierDiff, OtherNodesProcessesAreNamedByTenantAndTheirServicesHeldBack) {
  for (const auto& [tenant, service] : {std::pair("acme", "s0"), {"acme", "s9"}, {"globex", "db"}}) {
    consumers::SeenProcess process = world_.observed.front();
    process.found.identity.pid = 77;
    process.found.marker = {"log", "other", tenant, service, 1, "foreign-1"};
    world_.observed.push_back(process);
  }
  const auto diff = world_.diff();
  ASSERT_EQ(diff.findings.size(), 2U) << words(diff.findings);
  EXPECT_EQ(diff.findings[0].tenant, "acme");
  EXPECT_NE(diff.findings[0].found.find("2 processes"), std::string::npos);
  EXPECT_EQ(diff.findings[1].tenant, "globex");
  EXPECT_EQ(diff.foreign.size(), 3U);
}

TEST_F(VerifierDiff, BetweenRestartsAProcessOfTheServiceIsAStrayAndNotTakenUp) {
  ASSERT_TRUE(world_.seed({6, 0}));
  for (auto& entry : world_.inventory.services) entry->operation = consumers::kBetweenRestarts;
  const auto findings = world_.diff().findings;
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].code, "one_instance") << words(findings);
  EXPECT_EQ(findings[0].action, v1::RepairAction::stop);
}

TEST_F(VerifierDiff, AProcessThatWasSpawnedWithAnotherSpecIsNamed) {
  auto& record = world_.desired.services.begin()->second.record;
  auto& spec = record.current->spec.ensure();
  spec.argv = {"/bin/sleep", "1000"};
  world_.inventory.services.front()->spec_digest = consumers::spec_digest(spec);
  EXPECT_TRUE(world_.diff().findings.empty());
  spec.argv.emplace_back("1");
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].code, "spec_is_deployed");
  EXPECT_EQ(findings[0].action, v1::RepairAction::unspecified);
}

TEST_F(VerifierDiff, ARuntimeThatHoldsServicesOfAPartitionItDoesNotOwnIsASecondOne) {
  world_.desired.owners.assign(3, {"elsewhere", "other"});
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].code, "one_runtime");
  EXPECT_NE(findings[0].expected.find("run other"), std::string::npos);
}

TEST_F(VerifierDiff, WhatARuntimeIsStoppingAfterATakeOverIsNoSecondOne) {
  world_.desired.owners.assign(3, {"elsewhere", "other"});
  for (auto& entry : world_.inventory.services) entry->operation = "stop";
  EXPECT_TRUE(world_.diff().findings.empty());
}

TEST_F(VerifierDiff, AGatewayThatRunsNothingIsNotAsked) {
  world_.desired.owners.assign(3, {"elsewhere", "other"});
  world_.inventory.services.clear();
  world_.observed.clear();
  EXPECT_TRUE(world_.diff().findings.empty());
}

TEST_F(VerifierDiff, TheOwningNodesServicesAreNoneOfAGatewaysBusiness) {
  world_.desired.owners.assign(3, {VerifierWorld::kNode, "other"});
  world_.inventory.services.clear();
  world_.inventory.node = "gateway";
  EXPECT_TRUE(world_.diff().findings.empty());
}

TEST_F(VerifierDiff, AFindingNamesTheProcessByPidAndStart) {
  world_.seed({3, 0});
  const auto findings = world_.diff().findings;
  ASSERT_EQ(findings.size(), 1U) << words(findings);
  EXPECT_EQ(findings[0].process->pid, world_.observed.back().found.identity.pid);
  EXPECT_EQ(findings[0].process->start_time, world_.observed.back().found.identity.start_time);
  EXPECT_NE(findings[0].evidence.find("pid"), std::string::npos);
}

TEST_F(VerifierDiff, EachInvariantOfServicesSaysHowMuchWasLookedAt) {
  const auto checked = world_.diff().checked;
  using consumers::Invariant;
  EXPECT_EQ(checked[static_cast<std::size_t>(Invariant::live_service_was_deployed)], 1U);
  EXPECT_EQ(checked[static_cast<std::size_t>(Invariant::one_runtime)], 3U);
  EXPECT_EQ(checked[static_cast<std::size_t>(Invariant::killed_service_is_gone)], 1U);
  EXPECT_EQ(checked[static_cast<std::size_t>(Invariant::ended_service_is_gone)], 1U);
}

}  // namespace
}  // namespace solo::testing
