#include "tests/unit/projections/rules.h"

namespace solo::testing {
namespace {

using projections::Judgement;
using projections::Verdict;
using schemas::ErrorCode;
using v1::ServiceState;

TEST_F(Rules, AStartMakesTheServiceRun) {
  apply(make.deploy("web"));
  EXPECT_EQ(verdict(make.started("web", 1, "run-a-1")), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::running);
  EXPECT_TRUE(service("web").ever_started);
  const v1::InstanceT* instance = projections::current_instance(service("web"));
  ASSERT_NE(instance, nullptr);
  EXPECT_EQ(instance->instance, "run-a-1");
  EXPECT_EQ(instance->run, kRun);
  EXPECT_EQ(instance->node, kNode);
  EXPECT_EQ(instance->identity->pid, 4242);
  ASSERT_TRUE(projections::deploy_effect(service("web"), 1));
  EXPECT_TRUE(*projections::deploy_effect(service("web"), 1));
}

TEST_F(Rules, ThePendingGenerationBecomesCurrentWhenItStarts) {
  run_service("web", {.code = "old"});
  apply(make.deploy("web", {.code = "new", .replace = true}));
  EXPECT_FALSE(projections::deploy_effect(service("web"), 2));
  apply(make.stopped("web", instance(1)));
  apply(make.started("web", 2, "run-a-2"));
  EXPECT_EQ(service("web").current->generation, 2U);
  EXPECT_FALSE(service("web").pending);
  EXPECT_EQ(state_of("web"), ServiceState::running);
  ASSERT_EQ(state.code.size(), 1U);
  EXPECT_EQ(state.code.begin()->second, (MemoryState::Code{"#!/bin/sh\nnew", 1}));
  EXPECT_TRUE(*projections::deploy_effect(service("web"), 2));
}

TEST_F(Rules, AServiceThatStartsAfterItsKillIsKnownAndStopping) {
  apply(make.deploy("web"));
  apply(make.kill("web"));
  EXPECT_EQ(verdict(make.started("web", 1, "run-a-1")), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
  EXPECT_FALSE(projections::kill_effect(service("web"), 1));
  apply(make.settled("web", 1, "run-a-1"));
  EXPECT_EQ(state_of("web"), ServiceState::killed);
  EXPECT_TRUE(projections::kill_effect(service("web"), 1));
}

TEST_F(Rules, AServiceKilledWhileItMayBeStartingIsGoneOnlyWhenItsRuntimeSaysSo) {
  apply(make.deploy("web"));
  apply(make.kill("web"));
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
  EXPECT_FALSE(projections::kill_effect(service("web"), 1));
  EXPECT_EQ(verdict(make.settled("web", 1)), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::killed);
  EXPECT_TRUE(projections::kill_effect(service("web"), 1));
  EXPECT_EQ(verdict(make.settled("web", 1)), Verdict::stale);
}

TEST_F(Rules, AServiceThatCrashedAsItWasKilledMayHaveBeenStartedAgain) {
  run_service("web");
  apply(make.kill("web"));
  apply(make.crashed("web", instance(1)));
  EXPECT_FALSE(projections::kill_effect(service("web"), 1));
  apply(make.settled("web", 1));
  EXPECT_TRUE(projections::kill_effect(service("web"), 1));
}

TEST_F(Rules, WhatSettlesAnOlderKillSettlesNoNewerOne) {
  apply(make.deploy("web"));
  apply(make.kill("web"));
  apply(make.deploy("web"));
  apply(make.kill("web"));
  EXPECT_EQ(verdict(make.settled("web", 1)), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
}

TEST_F(Rules, GivingUpIsStaleOnceARestartWasAskedFor) {
  run_service("web");
  apply(make.restart("web"));
  EXPECT_EQ(verdict(make.failed("web", 1)), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::running);
}

TEST_F(Rules, ASupersededGenerationThatStartsIsKnownButNotCurrent) {
  run_service("web");
  apply(make.deploy("web", {.replace = true}));
  apply(make.deploy("web", {.replace = true}));
  EXPECT_EQ(verdict(make.started("web", 2, "run-a-2")), Verdict::applied);
  EXPECT_EQ(service("web").current->generation, 1U);
  EXPECT_EQ(service("web").pending->generation, 3U);
  EXPECT_EQ(service("web").instances.size(), 2U);
}

TEST_F(Rules, AStartOfWhatWasNeverDeployedIsRejectedAndKeptAsDeadLetter) {
  EXPECT_EQ(apply(make.started("web", 1, "run-a-1")).code, ErrorCode::not_found);
  apply(make.deploy("web"));
  EXPECT_EQ(apply(make.started("web", 2, "run-a-1")).code, ErrorCode::invalid_argument);
  EXPECT_TRUE(service("web").instances.empty());
  EXPECT_EQ(state.dead_letters.size(), 2U);
}

TEST_F(Rules, AGenerationHasOneInstanceAtATime) {
  run_service("web");
  apply(make.started("web", 1, "run-a-8"));
  ASSERT_EQ(service("web").instances.size(), 1U);
  EXPECT_EQ(service("web").instances[0]->instance, "run-a-8");
}

TEST_F(Rules, ANormalEndFinishesAServiceUnlessItIsPermanent) {
  for (const auto policy : {v1::RestartPolicy::transient, v1::RestartPolicy::temporary}) {
    const std::string name = v1::EnumNameRestartPolicy(policy);
    const auto generation = run_service(name, {.restart = policy});
    EXPECT_EQ(verdict(make.exited(name, instance(generation))), Verdict::applied);
    EXPECT_EQ(state_of(name), ServiceState::finished);
    EXPECT_EQ(projections::to_status(service(name)).exit_status, "exit 0");
  }
  const auto generation = run_service("web");
  apply(make.exited("web", instance(generation)));
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  EXPECT_EQ(service("web").restarts, 1U);
  EXPECT_TRUE(service("web").instances.empty());
}

TEST_F(Rules, ACrashRestartsAServiceUnlessItIsTemporary) {
  for (const auto policy : {v1::RestartPolicy::permanent, v1::RestartPolicy::transient}) {
    const std::string name = v1::EnumNameRestartPolicy(policy);
    const auto generation = run_service(name, {.restart = policy});
    apply(make.crashed(name, instance(generation)));
    EXPECT_EQ(state_of(name), ServiceState::starting);
    EXPECT_EQ(service(name).restarts, 1U);
    EXPECT_EQ(service(name).detail, "last words");
    EXPECT_EQ(projections::to_status(service(name)).exit_status, "signal 11");
    apply(make.started(name, generation, "run-a-again"));
    EXPECT_TRUE(service(name).reason.empty());
    EXPECT_TRUE(service(name).detail.empty());
    EXPECT_EQ(service(name).restarts, 1U);
  }
  const auto generation = run_service("job", {.restart = v1::RestartPolicy::temporary});
  apply(make.crashed("job", instance(generation)));
  EXPECT_EQ(state_of("job"), ServiceState::failed);
  EXPECT_EQ(service("job").reason, "crashed: signal 11");
}

TEST_F(Rules, AnEndNobodySawIsACrashOrTheEndOfATemporaryService) {
  const auto job = run_service("job", {.restart = v1::RestartPolicy::temporary});
  apply(make.lost("job", instance(job)));
  EXPECT_EQ(state_of("job"), ServiceState::finished);
  EXPECT_FALSE(service("job").reason.empty());
  EXPECT_EQ(projections::to_status(service("job")).exit_status, "unknown");
  const auto task = run_service("task", {.restart = v1::RestartPolicy::transient});
  apply(make.lost("task", instance(task)));
  EXPECT_EQ(state_of("task"), ServiceState::starting);
}

TEST_F(Rules, AnEndOfAnUnknownInstanceIsStale) {
  run_service("web");
  for (const auto& record :
       {make.exited("web", "run-a-9"), make.crashed("web", "run-a-9"), make.stopped("web", "run-a-9")}) {
    EXPECT_EQ(verdict(record), Verdict::stale);
  }
  EXPECT_EQ(state_of("web"), ServiceState::running);
  EXPECT_EQ(state.meta().stale, 3U);
  EXPECT_TRUE(state.dead_letters.empty());
}

TEST_F(Rules, TheEndOfAnOldGenerationLeavesTheNewOneAlone) {
  run_service("web");
  apply(make.kill("web"));
  apply(make.deploy("web"));
  apply(make.crashed("web", instance(1)));
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  EXPECT_EQ(service("web").restarts, 0U);
  EXPECT_FALSE(service("web").last_end);
  EXPECT_TRUE(service("web").instances.empty());
}

TEST_F(Rules, AFirstStartThatFailsFailsTheService) {
  apply(make.deploy("web"));
  EXPECT_EQ(verdict(make.deployment_failed("web", 1)), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::failed);
  const auto effect = projections::deploy_effect(service("web"), 1);
  ASSERT_TRUE(effect);
  EXPECT_EQ(effect->error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(effect->error().message, "it does not compile\nmain.cc:1: error");
}

TEST_F(Rules, AReplaceThatFailsLeavesTheCurrentGenerationRunning) {
  run_service("web");
  apply(make.deploy("web", {.code = "bad", .replace = true}));
  apply(make.deployment_failed("web", 2));
  EXPECT_FALSE(service("web").pending);
  EXPECT_EQ(state_of("web"), ServiceState::running);
  EXPECT_TRUE(service("web").reason.empty());
  EXPECT_TRUE(state.code.empty());
  const auto effect = projections::deploy_effect(service("web"), 2);
  ASSERT_TRUE(effect);
  EXPECT_EQ(effect->error().message, "it does not compile\nmain.cc:1: error");
}

TEST_F(Rules, AGenerationThatHasRunDoesNotFailAtALaterStart) {
  run_service("web");
  apply(make.crashed("web", instance(1)));
  EXPECT_EQ(verdict(make.deployment_failed("web", 1)), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::starting);
}

TEST_F(Rules, AFailedRecoveryIsShownWithItsReasonAndGoesOnWaiting) {
  run_service("web");
  apply(make.claim("run-b"));
  EXPECT_EQ(verdict(make.recovery_failed("web", 1)), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  EXPECT_EQ(service("web").reason, "no space left");
  EXPECT_TRUE(service("web").instances.empty());
  apply(make.recovered("web", 1, "run-b-1"));
  EXPECT_EQ(state_of("web"), ServiceState::running);
  EXPECT_TRUE(service("web").reason.empty());
}

TEST_F(Rules, ReachedRestartLimitsFailTheService) {
  run_service("web");
  apply(make.crashed("web", instance(1)));
  EXPECT_EQ(verdict(make.failed("web", 1)), Verdict::applied);
  EXPECT_EQ(state_of("web"), ServiceState::failed);
  EXPECT_EQ(service("web").reason, "restart limits reached");
  EXPECT_EQ(verdict(make.failed("web", 1)), Verdict::stale);
}

TEST_F(Rules, AKilledServiceNeitherFailsNorRecovers) {
  run_service("web");
  apply(make.kill("web"));
  EXPECT_EQ(verdict(make.failed("web", 1)), Verdict::stale);
  EXPECT_EQ(verdict(make.recovery_failed("web", 1)), Verdict::stale);
  EXPECT_EQ(verdict(make.deployment_failed("web", 1)), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
}

TEST_F(Rules, RecoveryTakesThePlaceOfEveryInstanceOfFormerRuns) {
  run_service("web");
  apply(make.kill("web"));
  apply(make.deploy("web"));
  apply(make.started("web", 2, "run-a-2"));
  ASSERT_EQ(service("web").instances.size(), 2U);
  apply(make.claim("run-b"));
  apply(make.recovered("web", 2, "run-b-1"));
  ASSERT_EQ(service("web").instances.size(), 1U);
  EXPECT_EQ(service("web").instances[0]->instance, "run-b-1");
  EXPECT_EQ(service("web").instances[0]->run, "run-b");
}

TEST_F(Rules, AServiceWhoseOnlyOldGenerationIsLeftAfterItsHostsDeathWaits) {
  run_service("web");
  apply(make.kill("web"));
  apply(make.deploy("web"));
  apply(make.started("web", 2, "run-a-2"));
  apply(make.claim("run-b"));
  apply(make.recovered("web", 1, instance(1), v1::RecoveryMode::adopted));
  EXPECT_EQ(service("web").instances.size(), 1U);
  EXPECT_EQ(state_of("web"), ServiceState::starting);
}

TEST_F(Rules, AnInstanceNeverChangesItsGeneration) {
  run_service("web");
  apply(make.deploy("web", {.replace = true}));
  EXPECT_EQ(apply(make.recovered("web", 2, instance(1), v1::RecoveryMode::adopted)).code, ErrorCode::invalid_argument);
  EXPECT_EQ(apply(make.started("web", 2, instance(1))).code, ErrorCode::invalid_argument);
  EXPECT_EQ(service("web").current->generation, 1U);
}

TEST_F(Rules, AnAdoptedInstanceKeepsItsNameAndBelongsToTheNewRun) {
  run_service("web");
  apply(make.claim("run-b"));
  apply(make.recovered("web", 1, instance(1), v1::RecoveryMode::adopted));
  ASSERT_EQ(service("web").instances.size(), 1U);
  EXPECT_EQ(service("web").instances[0]->instance, instance(1));
  EXPECT_EQ(service("web").instances[0]->run, "run-b");
  apply(make.exited("web", instance(1)));
  EXPECT_EQ(state_of("web"), ServiceState::starting);
}

TEST_F(Rules, OnlyTheOwnersObservationsCount) {
  apply(make.deploy("web"));
  make.run = "run-x";
  EXPECT_EQ(verdict(make.started("web", 1, "run-x-1")), Verdict::stale);
  make.run = kRun;
  make.node = "node-2";
  EXPECT_EQ(verdict(make.started("web", 1, "run-a-1")), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  EXPECT_TRUE(state.dead_letters.empty());
}

TEST_F(Rules, AFormerOwnersObservationsCountUntilTheNextClaim) {
  apply(make.deploy("web"));
  auto late = make.started("web", 1, "run-a-1");
  EXPECT_EQ(verdict(late), Verdict::applied);
  const auto later = make.crashed("web", "run-a-1");
  apply(make.claim("run-b"));
  EXPECT_EQ(verdict(repeat(make, later)), Verdict::stale);
  EXPECT_EQ(state_of("web"), ServiceState::running);
}

TEST_F(Rules, ARepeatedObservationIsADuplicate) {
  apply(make.deploy("web"));
  const auto started = make.started("web", 1, "run-a-1");
  apply(started);
  const auto crashed = make.crashed("web", "run-a-1");
  apply(crashed);
  EXPECT_EQ(verdict(repeat(make, started)), Verdict::duplicate);
  EXPECT_EQ(verdict(repeat(make, crashed)), Verdict::duplicate);
  EXPECT_EQ(service("web").restarts, 1U);
  EXPECT_EQ(state.meta().duplicates, 2U);
}

TEST_F(Rules, AnObservationThatLacksAPartIsQuarantined) {
  apply(make.deploy("web"));
  v1::ServiceStartedT started;
  EXPECT_EQ(verdict(make.record(make.observation("web", payload_of(started)))), Verdict::quarantined);
  started.observed.ensure().run = kRun;
  started.observed->generation = 1;
  started.observed->instance = "run-a-1";
  EXPECT_EQ(verdict(make.record(make.observation("web", payload_of(started)))), Verdict::quarantined);
  started.identity.ensure();
  EXPECT_EQ(verdict(make.record(make.observation("web", payload_of(started)))), Verdict::applied);
}

TEST_F(Rules, LongOutputIsCutToItsEndAndCompilersWordsToTheirBeginning) {
  const auto generation = run_service("web");
  v1::ServiceCrashedT crashed;
  crashed.observed.ensure().run = kRun;
  crashed.observed->generation = generation;
  crashed.observed->instance = instance(generation);
  crashed.output_tail.assign(100'000, 'a');
  crashed.output_tail += "the end";
  apply(make.record(make.observation("web", payload_of(crashed))));
  EXPECT_EQ(service("web").detail.size(), projections::kMaxDetailBytes);
  EXPECT_EQ(service("web").detail.substr(service("web").detail.size() - 7), "the end");

  apply(make.deploy("bad"));
  v1::ServiceDeploymentFailedT failed;
  failed.observed.ensure().run = kRun;
  failed.observed->generation = 2;
  failed.detail = "first";
  failed.detail.append(100'000, 'a');
  apply(make.record(make.observation("bad", payload_of(failed))));
  EXPECT_EQ(service("bad").detail.size(), projections::kMaxDetailBytes);
  EXPECT_EQ(service("bad").detail.substr(0, 5), "first");
}

}  // namespace
}  // namespace solo::testing
