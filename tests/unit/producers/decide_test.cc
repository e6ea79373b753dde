#include "producers/decide.h"

#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "tests/support/tokens.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;

v1::RequestT deploy() {
  v1::RequestT request;
  request.id = "d-1";
  request.tenant = "acme";
  v1::DeployT body;
  body.service = "web";
  body.replace = true;
  body.if_generation = 7;
  v1::SpecT& spec = body.spec.ensure();
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/true"};
  request.body.Set(std::move(body));
  return request;
}

template <class Body>
v1::RequestT about(Body body) {
  v1::RequestT request;
  request.id = "d-2";
  request.tenant = "acme";
  body.service = "web";
  request.body.Set(std::move(body));
  return request;
}

v1::ServiceRecordT running(std::uint64_t generation) {
  v1::ServiceRecordT record;
  record.phase = v1::Phase::running;
  record.current.ensure().generation = generation;
  return record;
}

ErrorCode code_of(const schemas::Result<void>& result) { return result ? ErrorCode::ok : result.error().code; }

TEST(Decide, ADeployBecomesOneEventWithTheRequestsIdAndTheContextsTimeAndActor) {
  const auto event = decide(deploy(), {1234, "acc_1"});
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->id, "d-1");
  EXPECT_EQ(event->source, "/commands/acme");
  EXPECT_EQ(event->tenant, "acme");
  EXPECT_EQ(event->service, "web");
  EXPECT_EQ(event->time, 1234);
  EXPECT_EQ(event->actor, "acc_1");
  const auto* deployed = event->payload.AsServiceDeployed();
  ASSERT_NE(deployed, nullptr);
  EXPECT_EQ(deployed->spec->argv.at(0), "/bin/true");
  EXPECT_TRUE(deployed->replace);
  EXPECT_EQ(deployed->if_generation, 7U);
}

TEST(Decide, KillAndRestartCarryWhatTheyWereAskedWith) {
  v1::KillT kill;
  kill.grace_ms = 250;
  kill.force = true;
  kill.if_generation = 3;
  const auto killed = decide(about(kill), {});
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->payload.AsServiceKilled()->grace_ms, 250U);
  EXPECT_TRUE(killed->payload.AsServiceKilled()->force);
  EXPECT_EQ(killed->payload.AsServiceKilled()->if_generation, 3U);
  v1::RestartT restart;
  restart.if_generation = 4;
  EXPECT_EQ(decide(about(restart), {})->payload.AsServiceRestartRequested()->if_generation, 4U);
}

TEST(Decide, TheSameRequestMakesTheSameEvent) { EXPECT_EQ(*decide(deploy(), {1, "a"}), *decide(deploy(), {1, "a"})); }

TEST(Decide, IdsNamesAndSpecsAreChecked) {
  const auto refused = [](auto change) {
    v1::RequestT request = deploy();
    change(request);
    const auto event = decide(request, {});
    return event ? ErrorCode::ok : event.error().code;
  };
  EXPECT_EQ(refused([](auto& r) { r.id = ""; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.id = std::string(65, 'a'); }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.id = "a b"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.tenant = "A"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.tenant = "*"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.tenant = "system"; }), ErrorCode::permission_denied);
  EXPECT_EQ(refused([](auto& r) { r.body.AsDeploy()->service = "a/b"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.body.AsDeploy()->spec.reset(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.body.AsDeploy()->spec->argv.clear(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.body.Reset(); }), ErrorCode::invalid_argument);
}

TEST(Decide, AReadBecomesNoEvent) {
  EXPECT_FALSE(is_order(about(v1::StatusT())));
  EXPECT_EQ(decide(about(v1::StatusT()), {}).error().code, ErrorCode::unimplemented);
}

TEST(Decide, OnlyReadsOfAllTenantsTakeTheStar) {
  v1::RequestT request;
  request.id = "d-3";
  request.tenant = "*";
  request.body.Set(v1::ListT());
  EXPECT_TRUE(check_request(request));
  request.body.Set(v1::RecoveryT());
  EXPECT_TRUE(check_request(request));
  v1::RequestT status = about(v1::StatusT());
  status.tenant = "*";
  EXPECT_EQ(code_of(check_request(status)), ErrorCode::invalid_argument);
}

TEST(Decide, NoIdHoldsATokenAndNoTimeoutIsLongerThanAnHour) {
  v1::RequestT request = deploy();
  request.id = testing::test_token(1).text;
  const auto refused = check_request(request);
  EXPECT_EQ(code_of(refused), ErrorCode::invalid_argument);
  EXPECT_EQ(refused.error().message.find(request.id), std::string::npos) << "it is not said again";
  request = deploy();
  request.timeout_ms = 3'600'000;
  EXPECT_TRUE(check_request(request));
  ++request.timeout_ms;
  EXPECT_EQ(code_of(check_request(request)), ErrorCode::invalid_argument);
  EXPECT_EQ(effective_timeout(request, {}), kMaxTimeout) << "also before it is checked";
}

TEST(Decide, HealthNeedsNoTenant) {
  v1::RequestT request;
  request.id = "d-4";
  request.body.Set(v1::HealthT());
  EXPECT_TRUE(check_request(request));
}

TEST(Decide, WaitAndTimeoutHaveTheirDefaults) {
  v1::RequestT request = deploy();
  EXPECT_EQ(effective_wait(request), v1::Wait::done);
  EXPECT_EQ(effective_wait(about(v1::StatusT())), v1::Wait::applied);
  request.wait = v1::Wait::accepted;
  EXPECT_EQ(effective_wait(request), v1::Wait::accepted);
  EXPECT_EQ(effective_timeout(request, std::chrono::seconds(30)), std::chrono::seconds(30));
  request.timeout_ms = 5;
  EXPECT_EQ(effective_timeout(request, std::chrono::seconds(30)), std::chrono::milliseconds(5));
}

TEST(Decide, AnEventOverTheLimitIsRefused) {
  v1::EventT event = *decide(deploy(), {});
  EXPECT_TRUE(encode_bounded(event));
  event.payload.AsServiceDeployed()->spec->code = std::string(schemas::kMaxEventBytes, 'x');
  EXPECT_EQ(encode_bounded(event).error().code, ErrorCode::invalid_argument);
}

TEST(RefuseEarly, SaysWhatTheRecordSays) {
  v1::RequestT plain = deploy();
  plain.body.AsDeploy()->replace = false;
  plain.body.AsDeploy()->if_generation = 0;
  const v1::EventT deployed = *decide(plain, {});
  EXPECT_TRUE(refuse_early(deployed, std::nullopt));
  EXPECT_EQ(code_of(refuse_early(deployed, running(1))), ErrorCode::already_exists);
  v1::ServiceRecordT killed = running(1);
  killed.desired = v1::Desired::stopped;
  EXPECT_TRUE(refuse_early(deployed, killed));

  const v1::EventT kill = *decide(about(v1::KillT()), {});
  EXPECT_EQ(code_of(refuse_early(kill, std::nullopt)), ErrorCode::not_found);
  EXPECT_EQ(code_of(refuse_early(kill, killed)), ErrorCode::not_found);
  EXPECT_TRUE(refuse_early(kill, running(1)));
  v1::KillT at_once;
  at_once.force = true;
  v1::ServiceRecordT stopping = killed;
  stopping.unsettled = true;
  EXPECT_TRUE(refuse_early(*decide(about(at_once), {}), stopping));
  EXPECT_EQ(code_of(refuse_early(*decide(about(at_once), {}), killed)), ErrorCode::not_found);
  EXPECT_EQ(code_of(refuse_early(kill, stopping)), ErrorCode::not_found);

  v1::RestartT restart;
  restart.if_generation = 2;
  const v1::EventT restarted = *decide(about(restart), {});
  EXPECT_EQ(code_of(refuse_early(restarted, running(1))), ErrorCode::failed_precondition);
  EXPECT_TRUE(refuse_early(restarted, running(2)));
}

}  // namespace
}  // namespace solo::producers
