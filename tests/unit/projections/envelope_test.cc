// What happens to a record before it is asked what it means: ids, sources, keys, garbage, the log's name, rules.
#include <array>

#include "projections/views.h"
#include "schemas/codec.h"
#include "schemas/partitioning.h"
#include "tests/unit/projections/rules.h"

namespace solo::testing {
namespace {

using projections::Judgement;
using projections::Verdict;
using schemas::ErrorCode;

TEST_F(Rules, ARepeatedCommandIsADuplicateAndChangesNothing) {
  const auto deploy = make.deploy("web");
  apply(deploy);
  const auto before = state.digest();
  const Judgement again = apply(repeat(make, deploy));
  EXPECT_EQ(again.verdict, Verdict::duplicate);
  EXPECT_EQ(again.generation, 1U);
  EXPECT_EQ(state.digest(), before);
  EXPECT_EQ(state.outcomes.size(), 1U);
  EXPECT_TRUE(state.dead_letters.empty());
}

TEST_F(Rules, ARetryIsADuplicateEvenAfterTheServiceWasKilled) {
  const auto deploy = make.deploy("web");
  apply(deploy);
  apply(make.kill("web"));
  EXPECT_EQ(verdict(repeat(make, deploy)), Verdict::duplicate);
  EXPECT_EQ(state_of("web"), v1::ServiceState::stopping);
}

TEST_F(Rules, ARejectedCommandIsRememberedAndItsRetryIsNotJudgedAgain) {
  const auto kill = make.kill("web");
  EXPECT_EQ(verdict(kill), Verdict::rejected);
  apply(make.deploy("web"));
  EXPECT_EQ(verdict(repeat(make, kill)), Verdict::duplicate);
  EXPECT_EQ(state_of("web"), v1::ServiceState::starting);
  const auto outcome = state.find_outcome({"acme", "/commands/acme", "id-3"});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->record.outcome, v1::Outcome::rejected);
  EXPECT_EQ(outcome->record.code, v1::ErrorCode::not_found);
  EXPECT_EQ(outcome->record.message, "no service acme/web");
  EXPECT_TRUE(state.dead_letters.empty());
}

TEST_F(Rules, AnIdThatWasUsedForADifferentRequestIsRejectedAndTheFirstOutcomeStays) {
  apply(make.deploy("web"));
  make.next_id -= 1;
  const Judgement other = apply(make.deploy("db"));
  EXPECT_EQ(other.verdict, Verdict::rejected);
  EXPECT_EQ(other.code, ErrorCode::invalid_argument);
  EXPECT_NE(other.message.find("was used for a different request"), std::string::npos) << other.message;
  EXPECT_EQ(state.services.size(), 1U);
  EXPECT_EQ(state.find_outcome({"acme", "/commands/acme", "id-3"})->record.service, "web");
}

TEST_F(Rules, TheSameIdFromAnotherTenantOrSourceIsAnotherCommand) {
  apply(make.deploy("web"));
  make.next_id -= 1;
  make.tenant = "globex";
  EXPECT_EQ(verdict(make.deploy("web")), Verdict::applied);
  make.next_id -= 1;
  auto event = make.command("db", payload_of(v1::ServiceKilledT{}));
  event.source = "https://example.org/ci";
  EXPECT_EQ(apply(make.record(event)).code, ErrorCode::not_found);
}

TEST_F(Rules, AnOutcomeOutsideTheTenantsWindowIsAsGoodAsAbsent) {
  const auto kill = make.kill("web");
  apply(kill);
  state.tenants["acme"].commands = projections::kOutcomeWindow;
  EXPECT_EQ(verdict(repeat(make, kill)), Verdict::duplicate);
  state.tenants["acme"].commands = projections::kOutcomeWindow + 1;
  EXPECT_EQ(verdict(repeat(make, kill)), Verdict::rejected) << "judged anew";
}

TEST_F(Rules, ObservationsHaveNoOutcome) {
  run_service("web");
  EXPECT_EQ(state.outcomes.size(), 1U);
}

TEST_F(Rules, AnOutsidersEventsAreJudgedLikeCommandsAndItsFailuresAreDeadLetters) {
  const auto publish = [&](std::string id) {
    v1::ServiceDeployedT deployed;
    deployed.spec.ensure().format = v1::Format::exec;
    deployed.spec->argv = {"/bin/true"};
    auto event = make.command("web", payload_of(deployed));
    event.source = "https://example.org/ci";
    event.id = std::move(id);
    return make.record(event);
  };
  const auto first = publish("build-1");
  EXPECT_EQ(verdict(first), Verdict::applied);
  EXPECT_TRUE(state.dead_letters.empty());
  EXPECT_EQ(verdict(publish("build-2")), Verdict::rejected);
  EXPECT_EQ(verdict(repeat(make, first)), Verdict::duplicate);
  EXPECT_EQ(state.dead_letters.size(), 2U);
  EXPECT_EQ(state.meta().dead_letters, 2U);
  const v1::DeadLetterT& letter = state.dead_letters.begin()->second;
  EXPECT_EQ(letter.id, "build-2");
  EXPECT_EQ(letter.source, "https://example.org/ci");
  EXPECT_EQ(letter.type, "ServiceDeployed");
  EXPECT_EQ(letter.tenant, "acme");
  EXPECT_EQ(letter.code, v1::ErrorCode::already_exists);
}

TEST_F(Rules, OnlyANodeObserves) {
  apply(make.deploy("web"));
  v1::ServiceStartedT started;
  started.observed.ensure().run = kRun;
  started.observed->generation = 1;
  started.observed->instance = "run-a-1";
  started.identity.ensure();
  auto event = make.command("web", payload_of(started));
  EXPECT_EQ(apply(make.record(event)).code, ErrorCode::permission_denied);
  event.source = "urn:outsider";
  EXPECT_EQ(apply(make.record(event)).code, ErrorCode::permission_denied);
  EXPECT_EQ(state.dead_letters.size(), 1U);
  EXPECT_EQ(state_of("web"), v1::ServiceState::starting);
}

TEST_F(Rules, ANodeGivesNoOrders) {
  v1::EventT event = make.observation("web", payload_of(v1::ServiceKilledT{}));
  EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined);
}

TEST_F(Rules, ACommandsSourceNamesItsTenant) {
  v1::EventT event = make.command("web", payload_of(v1::ServiceKilledT{}));
  event.source = "/commands/globex";
  EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined);
  event.source = "/nodes/NOT A NODE";
  EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined);
}

TEST_F(Rules, ARecordUnderAnotherKeyOrInAnotherPartitionIsQuarantined) {
  auto deploy = make.deploy("web");
  deploy.key = "globex";
  EXPECT_EQ(verdict(deploy), Verdict::quarantined);

  auto other = make.deploy("web");
  const std::int32_t home = schemas::partition_of("acme", 16);
  other.position.partition = (home + 1) % 16;
  EXPECT_EQ(projections::apply_record(other, 16, kLog, state)->verdict, Verdict::quarantined);
  auto right = make.deploy("web");
  right.position.partition = home;
  EXPECT_EQ(projections::apply_record(right, 16, kLog, state)->verdict, Verdict::applied);
}

TEST_F(Rules, NamesOutsideTheirGrammarAreQuarantined) {
  for (const char* name : {"", "Web", "a_b", "a/b", "-a", "a b", "../x"}) {
    EXPECT_EQ(verdict(make.record(make.command(name, payload_of(v1::ServiceKilledT{})))), Verdict::quarantined) << name;
  }
  make.tenant = "Acme";
  EXPECT_EQ(verdict(make.kill("web")), Verdict::quarantined);
}

TEST_F(Rules, AnEventNeedsAnIdAndASourceOfBoundedLength) {
  for (const std::size_t length : {std::size_t{0}, projections::kMaxIdentityBytes + 1}) {
    v1::EventT event = make.command("web", payload_of(v1::ServiceKilledT{}));
    event.source = "urn:outsider";
    event.id = std::string(length, 'i');
    EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined) << length;
    event.id = "id";
    event.source = std::string(length, 's');
    EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined) << length;
  }
}

TEST_F(Rules, GarbageIsQuarantinedWithItsPositionAndTheNextRecordIsApplied) {
  const auto deploy = make.deploy("web");
  const std::string good = deploy.value;
  std::vector<std::string> bad = {"",
                                  "x",
                                  std::string(1000, '\xff'),
                                  good.substr(0, good.size() / 2),
                                  "SORQ" + good.substr(4),
                                  std::string(schemas::kMaxEventBytes + 1, 'a')};
  for (std::size_t at = 0; at < bad.size(); ++at) {
    const auto record = make.raw("\xff\xfe", bad[at]);
    EXPECT_EQ(verdict(record), Verdict::quarantined) << at;
    ASSERT_EQ(state.dead_letters.count(record.position.offset), 1U);
    EXPECT_EQ(state.dead_letters.at(record.position.offset).position, to_string(record.position));
    EXPECT_TRUE(schemas::is_utf8(state.dead_letters.at(record.position.offset).key));
  }
  EXPECT_EQ(verdict(deploy), Verdict::applied);
}

TEST_F(Rules, AnEventWithItsPayloadMissingIsQuarantined) {
  EXPECT_EQ(verdict(make.record(make.command("web", {}))), Verdict::quarantined);
}

TEST_F(Rules, NoCorruptedBufferEverStopsApply) {
  const auto deploy = make.deploy("web", {.code = "exit 0"});
  for (std::size_t at = 0; at < deploy.value.size(); ++at) {
    for (const unsigned char flip : {0x01, 0x80, 0xff}) {
      auto record = make.raw("acme", deploy.value);
      record.value[at] = static_cast<char>(static_cast<unsigned char>(record.value[at]) ^ flip);
      ASSERT_TRUE(projections::apply_record(record, 1, kLog, state));
      ASSERT_EQ(state.meta().next_offset, record.position.offset + 1);
    }
  }
}

TEST_F(Rules, AClaimMakesItsRunTheOwner) {
  EXPECT_EQ(state.meta().owner->run, kRun);
  EXPECT_EQ(state.meta().owner->node, kNode);
  EXPECT_EQ(state.meta().owner->claimed_at, 1);
  EXPECT_EQ(verdict(make.claim("run-b", "node-2")), Verdict::applied);
  EXPECT_EQ(state.meta().owner->run, "run-b");
  EXPECT_EQ(state.meta().owner->last_sequence, 1U);
  EXPECT_EQ(verdict(make.claim("run-b", "node-2")), Verdict::duplicate);
}

TEST_F(Rules, AClaimForAnotherNodeIsQuarantined) {
  v1::RuntimeClaimedT claim;
  claim.node = "node-2";
  claim.run = "run-b";
  v1::EventT event = make.observation("", payload_of(claim));
  event.tenant = "system";
  EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined);
  EXPECT_EQ(state.meta().owner->run, kRun);
}

TEST_F(Rules, AnOwnerThatEndedInOrderIsKnownToHave) {
  v1::EventT event = make.observation("", payload_of(v1::SystemShutdownCompleteT{}));
  event.tenant = "system";
  EXPECT_EQ(verdict(make.record(event)), Verdict::applied);
  EXPECT_TRUE(state.meta().owner->shut_down);
  apply(make.claim("run-b"));
  EXPECT_FALSE(state.meta().owner->shut_down);
}

TEST_F(Rules, TheOwnersLastRecoveryReportIsKept) {
  v1::SystemRecoveredT recovered;
  recovered.report.ensure().run = kRun;
  recovered.report->recovered = 7;
  v1::EventT event = make.observation("", payload_of(recovered));
  event.tenant = "system";
  const auto record = make.record(event);
  EXPECT_EQ(verdict(record), Verdict::applied);
  ASSERT_TRUE(state.recovery);
  EXPECT_EQ(state.recovery->report->recovered, 7U);
  EXPECT_EQ(state.recovery->position, to_string(record.position));
}

TEST_F(Rules, TheOwnersLastVerificationReportIsKept) {
  v1::VerificationReportedT verified;
  verified.report.ensure().run = kRun;
  verified.report->inconsistencies_found = 3;
  v1::EventT event = make.observation("", payload_of(verified));
  event.tenant = "system";
  const auto record = make.record(event);
  EXPECT_EQ(verdict(record), Verdict::applied);
  ASSERT_TRUE(state.verification);
  EXPECT_EQ(state.verification->report->inconsistencies_found, 3U);
  EXPECT_EQ(state.verification->position, to_string(record.position));
}

TEST_F(Rules, AVerificationReportOfAnotherRunIsStale) {
  v1::VerificationReportedT verified;
  verified.report.ensure().run = "another";
  v1::EventT event = make.observation("", payload_of(verified));
  event.tenant = "system";
  EXPECT_EQ(verdict(make.record(event)), Verdict::stale);
  verified.report.reset();
  event.payload = payload_of(verified);
  EXPECT_EQ(verdict(make.record(event)), Verdict::quarantined);
  EXPECT_FALSE(state.verification);
}

TEST_F(Rules, AMendedDifferenceIsToldAndChangesNothing) {
  run_service("web");
  const auto before = state.digest();
  v1::DriftFixedT fixed;
  fixed.code = "one_instance";
  EXPECT_EQ(verdict(make.record(make.observation("web", payload_of(fixed)))), Verdict::applied);
  EXPECT_EQ(state.digest(), before);
  EXPECT_EQ(verdict(make.record(make.command("web", payload_of(fixed)))), Verdict::rejected);
}

TEST_F(Rules, RulesThisBuildKnowsAreRaisedAndNeverLowered) {
  v1::RulesRaisedT raised;
  raised.rules = projections::kKnownRules;
  make.tenant = "system";
  EXPECT_EQ(verdict(make.record(make.command("", payload_of(raised)))), Verdict::applied);
  raised.rules = 0;
  EXPECT_EQ(verdict(make.record(make.command("", payload_of(raised)))), Verdict::applied);
  EXPECT_EQ(state.meta().rules, projections::kKnownRules);
  make.tenant = "acme";
  EXPECT_EQ(apply(make.record(make.command("", payload_of(raised)))).code, ErrorCode::permission_denied);
}

TEST_F(Rules, RulesThisBuildDoesNotKnowStopApply) {
  v1::RulesRaisedT raised;
  raised.rules = projections::kKnownRules + 1;
  make.tenant = "system";
  const auto before = state.meta().next_offset;
  const auto judged = projections::apply_record(make.record(make.command("", payload_of(raised))), 1, kLog, state);
  ASSERT_FALSE(judged);
  EXPECT_EQ(judged.error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(judged.error().message, "upgrade: the log's rules are 2, this build knows 1");
  EXPECT_EQ(state.meta().next_offset, before);
  EXPECT_TRUE(state.outcomes.empty());
}

TEST_F(Rules, ALogIsNamedOnce) { EXPECT_EQ(verdict(make.genesis()), Verdict::quarantined); }

class Genesis : public ::testing::Test {
 protected:
  schemas::Result<Judgement> apply(const schemas::LogRecord& record, std::int32_t partitions = 1) {
    return projections::apply_record(record, partitions, kLog, state);
  }
  RecordMaker make;
  MemoryState state;
};

TEST_F(Genesis, TheFirstRecordMustNameTheLog) {
  const auto refused = apply(make.deploy("web"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::data_loss);
}

TEST_F(Genesis, ALogWhoseBeginningIsMissingIsRefused) {
  auto genesis = make.genesis();
  genesis.position.offset = 5;
  EXPECT_EQ(apply(genesis).error().code, ErrorCode::data_loss);
}

TEST_F(Genesis, AnotherLogIsRefusedAndNotApplied) {
  const auto judged = projections::apply_record(make.genesis(), 1, "another", state);
  ASSERT_FALSE(judged);
  EXPECT_EQ(judged.error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(state.meta().next_offset, 0);
}

TEST_F(Genesis, ALogWithAnotherNumberOfPartitionsIsRefused) {
  EXPECT_EQ(apply(make.genesis(), 2).error().code, ErrorCode::failed_precondition);
}

TEST_F(Rules, WhatWasGivenUpIsSaidByNodesAloneAndChangesNothing) {
  run_service("web");
  const auto before = state.digest();
  v1::LostTailAcceptedT accepted;
  accepted.former_log = kLog;
  accepted.from = "0:80";
  v1::EventT event = make.observation("", payload_of(accepted));
  event.tenant = "system";
  EXPECT_EQ(verdict(make.record(event)), Verdict::applied);
  event.id = "outsider's";
  event.source = "urn:elsewhere";
  EXPECT_EQ(verdict(make.record(event)), Verdict::rejected);
  EXPECT_EQ(state.digest(), before);
}

}  // namespace
}  // namespace solo::testing
