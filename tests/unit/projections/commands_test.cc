#include "tests/unit/projections/rules.h"

namespace solo::testing {
namespace {

using projections::Judgement;
using projections::Verdict;
using schemas::ErrorCode;
using v1::ServiceState;

TEST_F(Rules, DeployOfAFreeNameMakesTheTenantsNextGenerationCurrent) {
  EXPECT_EQ(apply(make.deploy("web")).generation, 1U);
  EXPECT_EQ(apply(make.deploy("db")).generation, 2U);
  make.tenant = "globex";
  EXPECT_EQ(apply(make.deploy("web")).generation, 1U);
  make.tenant = "acme";
  EXPECT_EQ(service("db").current->generation, 2U);
  EXPECT_EQ(state_of("db"), ServiceState::starting);
  EXPECT_FALSE(service("db").pending);
}

TEST_F(Rules, DeployOfALiveNameWithoutReplaceIsRejectedAndUsesUpNoGeneration) {
  run_service("web");
  const Judgement judged = apply(make.deploy("web"));
  EXPECT_EQ(judged.verdict, Verdict::rejected);
  EXPECT_EQ(judged.code, ErrorCode::already_exists);
  EXPECT_EQ(judged.generation, 1U);
  EXPECT_EQ(apply(make.deploy("db")).generation, 2U);
}

TEST_F(Rules, AServiceThatWaitsForItsFirstStartIsLive) {
  apply(make.deploy("web"));
  EXPECT_EQ(apply(make.deploy("web")).code, ErrorCode::already_exists);
}

TEST_F(Rules, ReplaceMakesThePendingGenerationAndTheCurrentRunsOn) {
  run_service("web");
  EXPECT_EQ(apply(make.deploy("web", {.replace = true})).generation, 2U);
  EXPECT_EQ(service("web").current->generation, 1U);
  EXPECT_EQ(service("web").pending->generation, 2U);
  EXPECT_EQ(state_of("web"), ServiceState::running);
}

TEST_F(Rules, ANewerReplaceSupersedesThePendingOne) {
  run_service("web");
  apply(make.deploy("web", {.code = "one", .replace = true}));
  apply(make.deploy("web", {.code = "two", .replace = true}));
  EXPECT_EQ(service("web").pending->generation, 3U);
  ASSERT_EQ(state.code.size(), 1U);
  EXPECT_EQ(state.code.begin()->second.text, "#!/bin/sh\ntwo");
  const auto effect = projections::deploy_effect(service("web"), 2);
  ASSERT_TRUE(effect);
  EXPECT_EQ(effect->error().code, ErrorCode::failed_precondition);
}

TEST_F(Rules, ReplaceOfAFreeNameIsAPlainDeploy) {
  EXPECT_EQ(apply(make.deploy("web", {.replace = true})).generation, 1U);
  EXPECT_EQ(service("web").current->generation, 1U);
  EXPECT_FALSE(service("web").pending);
}

TEST_F(Rules, TheNameIsFreeFromTheKillOn) {
  run_service("web");
  apply(make.kill("web"));
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
  EXPECT_EQ(apply(make.deploy("web")).generation, 2U);
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  EXPECT_EQ(service("web").instances.size(), 1U) << "the old one is still on its way out";
  EXPECT_FALSE(service("web").ever_started);
}

TEST_F(Rules, TheNameOfAFailedOrFinishedServiceIsFree) {
  apply(make.deploy("bad"));
  apply(make.deployment_failed("bad", 1));
  EXPECT_EQ(apply(make.deploy("bad")).generation, 2U);
  EXPECT_TRUE(service("bad").reason.empty());

  const auto generation = run_service("job", {.restart = v1::RestartPolicy::transient});
  apply(make.exited("job", instance(generation)));
  ASSERT_EQ(state_of("job"), ServiceState::finished);
  EXPECT_EQ(apply(make.deploy("job")).verdict, Verdict::applied);
  EXPECT_EQ(state_of("job"), ServiceState::starting);
}

TEST_F(Rules, ASpecThatBreaksItsRulesIsRejected) {
  v1::ServiceDeployedT deployed;
  deployed.spec.ensure().format = v1::Format::script;
  deployed.spec->code = "no shebang";
  EXPECT_EQ(apply(make.record(make.command("web", payload_of(deployed)))).code, ErrorCode::invalid_argument);
  deployed.spec.reset();
  EXPECT_EQ(apply(make.record(make.command("web", payload_of(deployed)))).code, ErrorCode::invalid_argument);
  EXPECT_TRUE(state.services.empty());
}

TEST_F(Rules, AStaleGenerationIsAFailedPreconditionThatNamesBoth) {
  run_service("web");
  for (const auto& record :
       {make.deploy("web", {.replace = true, .if_generation = 7}), make.kill("web", 7), make.restart("web", 7)}) {
    const Judgement judged = apply(record);
    EXPECT_EQ(judged.code, ErrorCode::failed_precondition);
    EXPECT_NE(judged.message.find('7'), std::string::npos) << judged.message;
    EXPECT_NE(judged.message.find('1'), std::string::npos) << judged.message;
  }
  EXPECT_EQ(apply(make.deploy("db", {.if_generation = 7})).code, ErrorCode::failed_precondition);
  EXPECT_EQ(verdict(make.restart("web", 1)), Verdict::applied);
}

TEST_F(Rules, TheExpectedGenerationIsThePendingOneIfThereIsOne) {
  run_service("web");
  apply(make.deploy("web", {.replace = true}));
  EXPECT_EQ(apply(make.kill("web", 1)).code, ErrorCode::failed_precondition);
  EXPECT_EQ(apply(make.kill("web", 2)).generation, 2U);
}

TEST_F(Rules, KillEndsBothGenerationsAndLeavesATombstone) {
  run_service("web", {.code = "old"});
  apply(make.deploy("web", {.code = "new", .replace = true}));
  v1::ServiceKilledT killed;
  killed.grace_ms = 1234;
  killed.force = true;
  const Judgement judged = apply(make.record(make.command("web", payload_of(killed))));
  EXPECT_EQ(judged.verdict, Verdict::applied);
  EXPECT_FALSE(service("web").pending);
  EXPECT_EQ(service("web").current->generation, 1U);
  EXPECT_FALSE(service("web").current->spec);
  EXPECT_EQ(service("web").kill_grace_ms, 1234U);
  EXPECT_TRUE(service("web").kill_force);
  EXPECT_TRUE(state.code.empty());
  EXPECT_EQ(state_of("web"), ServiceState::stopping);
  EXPECT_FALSE(projections::kill_effect(service("web"), judged.generation));

  apply(make.settled("web", 1, instance(1)));
  EXPECT_EQ(state_of("web"), ServiceState::killed);
  EXPECT_TRUE(projections::kill_effect(service("web"), judged.generation));
}

TEST_F(Rules, AKillWithoutGraceKeepsTheSpecsOwnTimeout) {
  v1::ServiceDeployedT deployed;
  deployed.spec.ensure().format = v1::Format::exec;
  deployed.spec->argv = {"/bin/true"};
  deployed.spec->restart_limits.ensure().shutdown_timeout_ms = 777;
  apply(make.record(make.command("web", payload_of(deployed))));
  apply(make.kill("web"));
  EXPECT_EQ(service("web").kill_grace_ms, 777U);
}

TEST_F(Rules, KillOrRestartOfWhatIsNotThereIsNotFound) {
  EXPECT_EQ(apply(make.kill("web")).code, ErrorCode::not_found);
  EXPECT_EQ(apply(make.restart("web")).code, ErrorCode::not_found);
  run_service("web");
  apply(make.kill("web"));
  EXPECT_EQ(apply(make.kill("web")).code, ErrorCode::not_found);
  EXPECT_EQ(apply(make.restart("web")).code, ErrorCode::not_found);
}

TEST_F(Rules, ForceEndsOneThatIsBeingStoppedAndNothingElseDoes) {
  const auto generation = run_service("web");
  apply(make.kill("web"));
  const auto force = [&](std::uint64_t if_generation) {
    v1::ServiceKilledT killed;
    killed.force = true;
    killed.if_generation = if_generation;
    return apply(make.record(make.command("web", payload_of(killed))));
  };
  EXPECT_EQ(apply(make.kill("web")).code, ErrorCode::not_found);
  EXPECT_EQ(force(generation + 1).code, ErrorCode::failed_precondition);
  EXPECT_FALSE(service("web").kill_force);
  const Judgement judged = force(generation);
  EXPECT_EQ(judged.verdict, Verdict::applied);
  EXPECT_EQ(judged.generation, generation);
  EXPECT_TRUE(service("web").kill_force);
  EXPECT_EQ(force(0).verdict, Verdict::applied) << "as often as one likes";
  apply(make.settled("web", generation, instance(generation)));
  EXPECT_EQ(force(0).code, ErrorCode::not_found);
}

TEST_F(Rules, KillOfAFailedOrFinishedServiceMakesItKilled) {
  apply(make.deploy("bad"));
  apply(make.deployment_failed("bad", 1));
  EXPECT_EQ(verdict(make.kill("bad")), Verdict::applied);
  EXPECT_EQ(state_of("bad"), ServiceState::killed);
}

TEST_F(Rules, RestartOfALiveServiceRaisesItsEpoch) {
  run_service("web");
  const Judgement judged = apply(make.restart("web"));
  EXPECT_EQ(judged.restart_epoch, 1U);
  EXPECT_EQ(state_of("web"), ServiceState::running);
  EXPECT_FALSE(projections::restart_effect(service("web"), 1, 1));
  apply(make.stopped("web", instance(1)));
  EXPECT_EQ(state_of("web"), ServiceState::starting);
  apply(make.started("web", 1, "run-a-9", 1));
  ASSERT_TRUE(projections::restart_effect(service("web"), 1, 1));
  EXPECT_TRUE(*projections::restart_effect(service("web"), 1, 1));
}

TEST_F(Rules, RestartOfAFailedOrFinishedServiceStartsIt) {
  apply(make.deploy("bad"));
  apply(make.deployment_failed("bad", 1));
  const Judgement judged = apply(make.restart("bad"));
  EXPECT_EQ(judged.verdict, Verdict::applied);
  EXPECT_EQ(state_of("bad"), ServiceState::starting);
  EXPECT_EQ(service("bad").restarts, 0U);
  EXPECT_TRUE(service("bad").reason.empty());
  EXPECT_EQ(service("bad").restart_epoch, 1U);
}

TEST_F(Rules, ARestartIsOwedHoweverTheServiceEndsMeanwhile) {
  const auto generation = run_service("job", {.restart = v1::RestartPolicy::temporary});
  apply(make.restart("job"));
  apply(make.exited("job", instance(generation)));
  EXPECT_EQ(state_of("job"), ServiceState::starting);
}

TEST_F(Rules, ACodeTextIsKeptOnceAndCounted) {
  apply(make.deploy("one", {.code = "same"}));
  apply(make.deploy("two", {.code = "same"}));
  ASSERT_EQ(state.code.size(), 1U);
  EXPECT_EQ(state.code.begin()->second.references, 2U);
  EXPECT_TRUE(service("one").current->spec->code.empty());
  EXPECT_EQ(service("one").current->code_digest, state.code.begin()->first);
  EXPECT_EQ(service("one").current->code_digest.size(), 64U);
  apply(make.kill("one"));
  EXPECT_EQ(state.code.begin()->second.references, 1U);
  apply(make.kill("two"));
  EXPECT_TRUE(state.code.empty());
}

TEST_F(Rules, ReplacingAServiceByTheSameTextKeepsTheText) {
  apply(make.deploy("web", {.code = "same"}));
  apply(make.deployment_failed("web", 1));
  apply(make.deploy("web", {.code = "same"}));
  ASSERT_EQ(state.code.size(), 1U);
  EXPECT_EQ(state.code.begin()->second, (MemoryState::Code{"#!/bin/sh\nsame", 1}));
}

TEST_F(Rules, TenantSystemHasNoServices) {
  make.tenant = "system";
  for (const auto& record : {make.deploy("web"), make.kill("web"), make.restart("web")}) {
    EXPECT_EQ(apply(record).code, ErrorCode::permission_denied);
  }
  EXPECT_TRUE(state.services.empty());
}

}  // namespace
}  // namespace solo::testing
