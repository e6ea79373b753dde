// The forms a request may come in, and what comes back to anything else.
#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "schemas/json.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

const std::string kDeployJson = R"({"id":"j-1","token":")" + test_root().text +
                                R"(","tenant":"acme","wait":"applied","body_type":"Deploy",)"
                                R"("body":{"service":"web","spec":{"format":"exec","argv":["/bin/sleep","1000"]}}})";

TEST(GatewayForms, DealerGetsHeaderAndBodyInTheEncodingItSent) {
  World world;
  Peer peer(world.endpoint());
  peer.send(Frames{"solo/1 json", kDeployJson});
  const auto frames = peer.receive();
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 2U);
  EXPECT_EQ((*frames)[0], "solo/1 json");
  const auto reply = schemas::JsonCodec().reply_from_json((*frames)[1]);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->ok);
  EXPECT_EQ(reply->id, "j-1");
  ASSERT_NE(reply->body.AsServiceStatus(), nullptr);
  EXPECT_EQ(reply->body.AsServiceStatus()->generation, 1U);
  EXPECT_NE((*frames)[1].find("\"duplicate\""), std::string::npos) << "defaults are written out";
}

TEST(GatewayForms, DealerWithAnEmptyFrameGetsOneBack) {
  World world;
  Peer peer(world.endpoint());
  Frames sent = Peer::encoded(deploy("f-1", "web"));
  sent.insert(sent.begin(), "");
  peer.send(sent);
  const auto frames = peer.receive();
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 3U);
  EXPECT_EQ((*frames)[0], "");
  EXPECT_EQ((*frames)[1], "solo/1 flatbuffers");
  EXPECT_TRUE(schemas::decode_reply((*frames)[2])->ok);
}

TEST(GatewayForms, ReqWorksInBothEncodings) {
  World world;
  Peer peer(world.endpoint(), zmq::socket_type::req);
  peer.send(Frames{"solo/1 json", kDeployJson});
  EXPECT_TRUE(peer.reply().ok);
  peer.send(status("web"));
  const v1::ReplyT reply = peer.reply();
  EXPECT_TRUE(reply.ok);
  EXPECT_EQ(reply.body.AsServiceStatus()->service, "web");
}

TEST(GatewayForms, WhatIsNoRequestIsToldWhatIsExpected) {
  World world;
  Peer peer(world.endpoint());
  const std::vector<Frames> wrong = {{"solo/1 json"},
                                     {"solo/1 json", "{}", "more"},
                                     {"", "solo/1 json"},
                                     {"", "solo/1 json", "{}", "more", "and", "more"},
                                     {""},
                                     {"solo/2 json", "{}"},
                                     {"solo/1 xml", "<deploy/>"},
                                     {std::string("\xff\xfe\0", 3), "{}"}};
  for (const Frames& frames : wrong) {
    peer.send(frames);
    const auto answer = peer.receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->size(), frames[0].empty() ? 3U : 2U);
    const auto reply = schemas::JsonCodec().reply_from_json(answer->back());
    ASSERT_TRUE(reply) << answer->back();
    EXPECT_EQ(code_of(*reply), v1::ErrorCode::invalid_argument);
    EXPECT_NE(reply->error->hint.find("solo/1 json"), std::string::npos);
  }
  EXPECT_TRUE(World::eventually([&] { return world.gateway().counters().malformed == wrong.size(); }));
}

TEST(GatewayForms, ABodyThatIsNoRequestIsRefusedInItsEncoding) {
  World world;
  Peer peer(world.endpoint());
  const std::string whole = schemas::encode(deploy("t-1", "web"));
  const std::vector<std::string> wrong = {"", "garbage", whole.substr(0, whole.size() / 2), std::string(100, '\xff')};
  for (const std::string& body : wrong) {
    for (const char* header : {"solo/1 json", "solo/1 flatbuffers"}) {
      peer.send(Frames{header, body});
      const auto answer = peer.receive();
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->front(), header);
    }
  }
  peer.send(Frames{"solo/1 json", std::string(200'000, '[')});
  EXPECT_EQ(code_of(peer.reply()), v1::ErrorCode::invalid_argument);
}

TEST(GatewayForms, EveryRefusalSaysWhatToDo) {
  World world;
  Peer peer(world.endpoint());
  ASSERT_TRUE(peer.ask(deploy("h-1", "web")).ok);
  const v1::ReplyT taken = peer.ask(deploy("h-2", "web"));
  EXPECT_EQ(code_of(taken), v1::ErrorCode::already_exists);
  EXPECT_NE(taken.error->hint.find("--replace"), std::string::npos);
  v1::RequestT other = deploy("h-1", "db");
  v1::RequestT stale = kill("h-3", "web");
  stale.body.AsKill()->if_generation = 7;
  v1::RequestT page = list();
  page.body.AsList()->next = "nonsense";
  v1::RequestT after = list();
  after.after = "7:1";
  v1::RequestT empty = deploy("h-4", "db");
  empty.body.AsDeploy()->spec.reset();
  for (const v1::RequestT& wrong : {other, stale, page, after, empty, kill("h-5", "none"), status("none"),
                                    deploy("", "x"), status(""), list("A")}) {
    const v1::ReplyT reply = peer.ask(wrong);
    ASSERT_FALSE(reply.ok);
    EXPECT_FALSE(reply.error->hint.empty()) << reply.error->message;
  }
}

TEST(GatewayForms, AnUnknownFieldIsNamed) {
  World world;
  Peer peer(world.endpoint());
  peer.send(Frames{"solo/1 json", R"({"id":"u-1","tenant":"acme","colour":"red","body_type":"List","body":{}})"});
  const v1::ReplyT reply = peer.reply();
  EXPECT_EQ(code_of(reply), v1::ErrorCode::invalid_argument);
  EXPECT_NE(reply.error->message.find("colour"), std::string::npos) << reply.error->message;
  EXPECT_EQ(reply.id, "u-1");
}

TEST(GatewayForms, AnUnknownCommandIsNamed) {
  World world;
  Peer peer(world.endpoint());
  peer.send(Frames{"solo/1 json", R"({"id":"u-1","tenant":"acme","body_type":"Explode","body":{}})"});
  const v1::ReplyT reply = peer.reply();
  EXPECT_FALSE(reply.ok);
  EXPECT_NE(reply.error->message.find("Explode"), std::string::npos) << reply.error->message;
}

TEST(GatewayForms, BadNamesAndIdsAreRefused) {
  World world;
  Peer peer(world.endpoint());
  EXPECT_EQ(code_of(peer.ask(deploy("n-1", "Web_1"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy("n-2", "web", v1::Wait::applied, "a/b"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy("", "web"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy("two words", "web"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy(std::string(65, 'x'), "web"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy("n-3", "web", v1::Wait::applied, "*"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(deploy("n-4", "web", v1::Wait::applied, "system"))), v1::ErrorCode::permission_denied);
  EXPECT_EQ(code_of(peer.ask(status("Web"))), v1::ErrorCode::invalid_argument);
  EXPECT_EQ(world.log().records().size(), 3U) << "only genesis, the claim and the root token";
}

TEST(GatewayForms, AConnectionUnderATakenRoutingIdIsHeard) {
  World world;
  Peer first(world.endpoint(), zmq::socket_type::dealer, "me");
  EXPECT_TRUE(first.ask(health()).ok);
  Peer second(world.endpoint(), zmq::socket_type::dealer, "me");
  EXPECT_TRUE(second.ask(health()).ok);
}

}  // namespace
}  // namespace solo::testing
