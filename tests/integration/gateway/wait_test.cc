// How far a command has come when it is answered: accepted, applied, done; and deadlines.
#include <gtest/gtest.h>

#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Wait;

class GatewayWait : public ::testing::Test {
 protected:
  bool in_flight(std::uint32_t count) {
    return World::eventually([&] { return world.gateway().counters().commands_in_flight == count; });
  }

  World world;
  Peer peer{world.endpoint()};
};

TEST_F(GatewayWait, AcceptedIsAnsweredWhileTheViewsStandStill) {
  world.hold_views();
  const v1::ReplyT reply = peer.ask(deploy("w-1", "web", Wait::accepted));
  EXPECT_TRUE(reply.ok);
  EXPECT_EQ(reply.position, "0:3");
  EXPECT_EQ(reply.body.type, v1::ReplyBody::NONE);
  world.resume_views();
}

TEST_F(GatewayWait, AppliedIsAnsweredWithTheStatusTheViewsHave) {
  const v1::ReplyT reply = peer.ask(deploy("w-1", "web", Wait::applied));
  ASSERT_TRUE(reply.ok);
  EXPECT_EQ(reply.position, "0:3");
  EXPECT_FALSE(reply.duplicate);
  ASSERT_NE(reply.body.AsServiceStatus(), nullptr);
  EXPECT_EQ(reply.body.AsServiceStatus()->state, v1::ServiceState::starting);
  EXPECT_EQ(reply.body.AsServiceStatus()->tenant, "acme");
}

TEST_F(GatewayWait, AppliedIsNotAnsweredBeforeTheViewsHaveIt) {
  world.hold_views();
  peer.send(deploy("w-1", "web", Wait::applied));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == 4; }));
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(50)));
  world.resume_views();
  EXPECT_TRUE(peer.reply().ok);
}

TEST_F(GatewayWait, DoneIsTheDefaultAndWaitsForTheStart) {
  peer.send(deploy("w-1", "web", Wait::unspecified));
  ASSERT_TRUE(in_flight(1));
  world.wait_applied();
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(30)));
  world.started("acme", "web", 1);
  const v1::ReplyT reply = peer.reply();
  ASSERT_TRUE(reply.ok);
  EXPECT_EQ(reply.position, "0:3");
  EXPECT_EQ(reply.body.AsServiceStatus()->state, v1::ServiceState::running);
  EXPECT_EQ(reply.body.AsServiceStatus()->pid, 4711);
}

TEST_F(GatewayWait, AKillIsDoneWhenTheInstanceIsGone) {
  ASSERT_TRUE(peer.ask(deploy("w-1", "web")).ok);
  world.started("acme", "web", 1);
  world.wait_applied();
  peer.send(kill("w-2", "web", Wait::done));
  ASSERT_TRUE(in_flight(1));
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(30)));
  world.stopped("acme", "web", 1);
  const v1::ReplyT reply = peer.reply();
  ASSERT_TRUE(reply.ok);
  EXPECT_EQ(reply.body.AsServiceStatus()->state, v1::ServiceState::killed);
}

TEST_F(GatewayWait, ARestartIsDoneWhenANewInstanceRuns) {
  ASSERT_TRUE(peer.ask(deploy("w-1", "web")).ok);
  world.started("acme", "web", 1);
  world.wait_applied();
  peer.send(restart("w-2", "web", Wait::done));
  ASSERT_TRUE(in_flight(1));
  world.stopped("acme", "web", 1);
  world.wait_applied();
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(30)));
  world.started("acme", "web", 1, 1);
  EXPECT_TRUE(peer.reply().ok);
}

TEST_F(GatewayWait, AFailedStartIsAnsweredWithItsReasonTheCompilersWordsAndTheStatus) {
  peer.send(deploy("w-1", "web", Wait::done));
  ASSERT_TRUE(in_flight(1));
  world.deployment_failed("acme", "web", 1, "it does not compile", "line 7: expected ';'");
  const v1::ReplyT reply = peer.reply();
  EXPECT_EQ(code_of(reply), ErrorCode::failed_precondition);
  EXPECT_NE(reply.error->message.find("it does not compile"), std::string::npos);
  EXPECT_NE(reply.error->message.find("line 7: expected ';'"), std::string::npos);
  EXPECT_EQ(reply.position, "0:3");
  ASSERT_NE(reply.body.AsServiceStatus(), nullptr);
  EXPECT_EQ(reply.body.AsServiceStatus()->state, v1::ServiceState::failed);
}

TEST_F(GatewayWait, WhatApplyRejectsIsAnsweredWithItsPosition) {
  world.hold_views();
  peer.send(deploy("w-1", "web"));
  peer.send(deploy("w-2", "web"));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == 5; }));
  world.resume_views();
  EXPECT_TRUE(peer.reply().ok);
  const v1::ReplyT second = peer.reply();
  EXPECT_EQ(code_of(second), ErrorCode::already_exists);
  EXPECT_EQ(second.position, "0:4");
}

TEST_F(GatewayWait, AnEarlyRefusalUsesTheWordsOfApplyAndAppendsNothing) {
  world.hold_views();
  peer.send(deploy("w-1", "web"));
  peer.send(deploy("w-2", "web"));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == 5; }));
  world.resume_views();
  EXPECT_TRUE(peer.reply().ok);
  const v1::ReplyT by_apply = peer.reply();
  const v1::ReplyT early = peer.ask(deploy("w-3", "web"));
  EXPECT_EQ(code_of(early), ErrorCode::already_exists);
  EXPECT_EQ(early.error->message, by_apply.error->message);
  EXPECT_EQ(early.position, "");
  EXPECT_EQ(world.log().records().size(), 5U);
  EXPECT_EQ(code_of(peer.ask(kill("w-4", "nothing"))), ErrorCode::not_found);
}

TEST_F(GatewayWait, NothingIsRefusedEarlyWhileTheViewsMissACommandOfTheTenant) {
  world.hold_views();
  ASSERT_TRUE(peer.ask(deploy("w-1", "web", Wait::accepted)).ok);
  // By the views there is no such service; by the log there is.
  peer.send(kill("w-2", "web", Wait::applied));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == 5; }));
  world.resume_views();
  EXPECT_TRUE(peer.reply().ok);
}

TEST_F(GatewayWait, ADeadlineBeforeDurableHasNoPosition) {
  world.log().hold();
  v1::RequestT request = deploy("w-1", "web");
  request.timeout_ms = 30;
  const v1::ReplyT reply = peer.ask(request);
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_EQ(reply.position, "");
  EXPECT_TRUE(reply.error->retryable);
  world.log().release();
  // The same id again: it takes effect once, and the client learns of it.
  const v1::ReplyT again = peer.ask(deploy("w-1", "web"));
  EXPECT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, "0:3");
  EXPECT_EQ(world.log().records().size(), 4U);
}

TEST_F(GatewayWait, WhereAppendsHaveTheirTimeNobodyIsToldUnknownBeforeTheLogHasSaidHowItEnded) {
  producers::GatewayOptions options;
  options.append_patience = std::chrono::seconds(60);
  world.restart_gateway(options);
  Peer patient(world.endpoint());
  for (const bool written : {true, false}) {
    const std::string id = written ? "w-1" : "w-2";
    world.log().hold();
    if (!written) world.log().fail_next(producers::AppendFault::unknown_not_written);
    v1::RequestT request = deploy(id, written ? "web" : "db", Wait::done);
    request.timeout_ms = 30;
    patient.send(request);
    EXPECT_FALSE(patient.receive(std::chrono::milliseconds(300))) << "the log has not said how it ended";
    world.log().release();
    const v1::ReplyT reply = patient.reply();
    EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
    EXPECT_EQ(reply.position, written ? "0:3" : "") << "its own time is up";
  }
}

TEST_F(GatewayWait, ADeadlineThatTheLogLetsPassEndsTheWaitAllTheSame) {
  producers::GatewayOptions options;
  options.append_patience = std::chrono::milliseconds(100);
  world.restart_gateway(options);
  Peer patient(world.endpoint());
  world.log().hold();
  v1::RequestT request = deploy("w-1", "web");
  request.timeout_ms = 30;
  EXPECT_EQ(code_of(patient.ask(request)), ErrorCode::deadline_exceeded);
  world.log().release();
}

TEST_F(GatewayWait, ADeadlineAfterDurableHasThePosition) {
  world.hold_views();
  v1::RequestT request = deploy("w-1", "web", Wait::applied);
  // Long enough to be durable in, however busy the machine is.
  request.timeout_ms = 3'000;
  v1::ReplyT reply = peer.ask(request);
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_EQ(reply.position, "0:3");
  world.resume_views();
  request = deploy("w-2", "db", Wait::done);
  request.timeout_ms = 3'000;
  reply = peer.ask(request);
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_EQ(reply.position, "0:4");
}

TEST_F(GatewayWait, ARefusedAppendIsAnsweredWithItsErrorAndRecordsNothing) {
  world.log().set_writable(false);
  const v1::ReplyT reply = peer.ask(deploy("w-1", "web"));
  EXPECT_EQ(code_of(reply), ErrorCode::resource_exhausted);
  EXPECT_EQ(reply.position, "");
  world.log().set_writable(true);
  const v1::ReplyT again = peer.ask(deploy("w-1", "web"));
  EXPECT_TRUE(again.ok);
  EXPECT_FALSE(again.duplicate);
}

TEST_F(GatewayWait, AnUnknownAppendIsNeverCalledFailed) {
  for (const auto fault : {producers::AppendFault::unknown_written, producers::AppendFault::unknown_not_written}) {
    const bool written = fault == producers::AppendFault::unknown_written;
    const std::string id = written ? "w-1" : "w-2";
    const std::string service = written ? "web" : "db";
    world.log().fail_next(fault);
    const v1::ReplyT reply = peer.ask(deploy(id, service));
    EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
    EXPECT_EQ(reply.position, "");
    EXPECT_TRUE(reply.error->retryable);
    world.wait_applied();
    const v1::ReplyT again = peer.ask(deploy(id, service));
    EXPECT_TRUE(again.ok) << again.error->message;
    EXPECT_EQ(again.duplicate, written);
    EXPECT_EQ(again.body.AsServiceStatus()->generation, written ? 1U : 2U);
  }
}

TEST_F(GatewayWait, AfterHoldsAReadUntilTheViewsHaveTheCut) {
  world.hold_views();
  const v1::ReplyT accepted = peer.ask(deploy("w-1", "web", Wait::accepted));
  v1::RequestT request = status("web");
  EXPECT_EQ(code_of(peer.ask(request)), ErrorCode::not_found);
  request.after = accepted.position;
  peer.send(request);
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(30)));
  world.resume_views();
  EXPECT_TRUE(peer.reply().ok);
}

TEST_F(GatewayWait, AfterHoldsTheAnswerOfACommandToo) {
  world.hold_views();
  v1::RequestT request = deploy("w-1", "web", Wait::accepted);
  request.after = "0:3";
  peer.send(request);
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == 4; }));
  EXPECT_FALSE(peer.receive(std::chrono::milliseconds(30)));
  world.resume_views();
  EXPECT_EQ(peer.reply().position, "0:3");
}

TEST_F(GatewayWait, AnAfterThatIsNotReachedEndsAtTheDeadline) {
  v1::RequestT request = list();
  request.after = "0:1000";
  request.timeout_ms = 30;
  const v1::ReplyT reply = peer.ask(request);
  EXPECT_EQ(code_of(reply), ErrorCode::deadline_exceeded);
  EXPECT_NE(reply.error->message.find("0:1000"), std::string::npos);
  request.after = "7:1";
  EXPECT_EQ(code_of(peer.ask(request)), ErrorCode::invalid_argument);
  request.after = "yesterday";
  EXPECT_EQ(code_of(peer.ask(request)), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace solo::testing
