#include "producers/zmtp_connection.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "producers/entropy.h"

namespace solo::producers {
namespace {

std::string frame(std::string_view content, bool more, bool is_long = false) {
  std::string bytes(1, static_cast<char>((more ? 1 : 0) | (is_long ? 2 : 0)));
  for (int i = is_long ? 7 : 0; i >= 0; --i) bytes.push_back(static_cast<char>(content.size() >> (8 * i)));
  return bytes.append(content);
}

std::string greeting(std::string_view type = "DEALER") {
  std::string bytes("\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL", 16);
  bytes.resize(64);
  std::string ready("\5READY\13Socket-Type\0\0\0", 21);
  ready.append(1, static_cast<char>(type.size())).append(type);
  return bytes.append("\4").append(1, static_cast<char>(ready.size())).append(ready);
}

class Server {
 public:
  explicit Server(std::size_t max_message = 1000, std::size_t budget = 1'000'000) : budget_{budget} {
    options_.max_message = max_message;
    options_.max_wire = 10'000;
    connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
  }
  ZmtpConnection& operator*() { return *connection_; }
  ZmtpConnection* operator->() { return connection_.get(); }
  Server& feed(std::string_view bytes) {
    connection_->feed(bytes);
    return *this;
  }
  std::size_t held() const { return budget_.held; }
  void close() { connection_.reset(); }

 private:
  SystemEntropy entropy_;
  ZmtpConnection::Options options_;
  ZmtpConnection::Budget budget_;
  std::unique_ptr<ZmtpConnection> connection_;
};

using Fate = ZmtpMessage::Fate;
using State = ZmtpConnection::State;

TEST(ZmtpConnection, OpensForDealerReqAndRouterAlone) {
  for (const char* type : {"DEALER", "REQ", "ROUTER"}) {
    EXPECT_EQ(Server().feed(greeting(type))->state(), State::open) << type;
  }
  for (const char* type : {"SUB", "PUSH", "", "dealer"}) {
    Server server;
    EXPECT_EQ(server.feed(greeting(type))->state(), State::broken) << type;
    EXPECT_NE(server->output().find("\5ERROR"), std::string::npos);
  }
}

TEST(ZmtpConnection, OlderProtocolsAndOtherMechanismsAreTurnedAway) {
  std::string old = greeting();
  old[10] = 1;
  EXPECT_EQ(Server().feed(old)->state(), State::broken);
  std::string plain = greeting();
  plain.replace(12, 5, "PLAIN");
  EXPECT_EQ(Server().feed(plain)->state(), State::broken);
  EXPECT_EQ(Server().feed("\1\0")->state(), State::broken);
}

RC_GTEST_PROP(ZmtpConnection, MessagesComeOutAsTheyWentInHoweverTheBytesAreCut, ()) {
  const auto messages = *rc::gen::container<std::vector<std::vector<std::string>>>(
      rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(rc::gen::arbitrary<std::string>())));
  std::string bytes = greeting();
  for (const auto& message : messages) {
    for (std::size_t i = 0; i < message.size(); ++i) {
      const bool is_long = message[i].size() > 255 || *rc::gen::arbitrary<bool>();
      bytes += frame(message[i], i + 1 < message.size(), is_long);
    }
  }
  Server server(1'000'000);
  std::vector<ZmtpMessage> got;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::string_view piece = rest.substr(0, *rc::gen::inRange<std::size_t>(1, rest.size() + 1));
    rest.remove_prefix(piece.size());
    while (!piece.empty()) {
      server->feed(piece);
      while (server->has_message()) got.push_back(server->next());
    }
  }
  if (server->state() == State::broken) RC_DISCARD("over max_wire");
  RC_ASSERT(got.size() == messages.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    RC_ASSERT(got[i].count == messages[i].size());
    for (std::size_t f = 0; f < got[i].frames.size(); ++f) RC_ASSERT(got[i].frames[f] == messages[i][f]);
  }
  RC_ASSERT(server.held() == 0U);
}

TEST(ZmtpConnection, OfAMessageThatIsTooLongOnlyItsLengthIsKept) {
  Server server(1000);
  server.feed(greeting()).feed(frame("header", true) + frame(std::string(2000, 'x'), false, true));
  ASSERT_TRUE(server->has_message());
  const ZmtpMessage message = server->next();
  EXPECT_EQ(message.fate, Fate::too_long);
  EXPECT_EQ(message.bytes, 2006U);
  EXPECT_EQ(message.frames, (std::vector<std::string>{"header", ""}));
  server.feed(frame("next", false));
  EXPECT_EQ(server->next().fate, Fate::whole);
}

TEST(ZmtpConnection, FramesBeyondTheFirstFewAreCountedAndAnEndlessMessageBreaksIt) {
  Server server;
  server.feed(greeting());
  for (int i = 0; i < 100; ++i) server.feed(frame("x", true));
  server.feed(frame("x", false));
  ASSERT_TRUE(server->has_message());
  const ZmtpMessage message = server->next();
  EXPECT_EQ(message.count, 101U);
  EXPECT_EQ(message.frames.size(), 4U);
  int sent = 0;
  while (server->state() == State::open && sent < 100'000) {
    server.feed(frame("", true));
    ++sent;
  }
  EXPECT_EQ(sent, 5001) << "10,000 bytes with two of them each";
}

TEST(ZmtpConnection, OverTheBudgetAMessageFindsNoRoomAndTheNextOneDoes) {
  Server server(1000, 500);
  server.feed(greeting()).feed(frame("header", true) + frame(std::string(600, 'x'), false, true));
  EXPECT_EQ(server->next().fate, Fate::no_room);
  EXPECT_EQ(server.held(), 0U);
  server.feed(frame(std::string(400, 'x'), false, true));
  EXPECT_EQ(server.held(), 400U);
  EXPECT_EQ(server->next().fate, Fate::whole);
  server.feed(frame("unfinished", true));
  EXPECT_EQ(server.held(), 10U);
  server.close();
  EXPECT_EQ(server.held(), 0U);
}

TEST(ZmtpConnection, APingIsAnsweredWithItsContext) {
  Server server;
  server.feed(greeting());
  server->output().clear();
  server.feed(std::string("\4\x0a\4PING\0\1abc", 12));
  EXPECT_EQ(server->output(), std::string("\4\x08\4PONGabc", 10));
}

TEST(ZmtpConnection, NoMoreThanAFewMessagesAreTakenAtOnce) {
  Server server;
  std::string bytes = greeting();
  for (std::size_t i = 0; i < 2 * ZmtpConnection::kInbox; ++i) bytes += frame("x", false);
  std::string_view rest = bytes;
  server->feed(rest);
  EXPECT_EQ(rest.size(), 3 * ZmtpConnection::kInbox);
  for (std::size_t i = 0; i < ZmtpConnection::kInbox; ++i) (void)server->next();
  server->feed(rest);
  EXPECT_TRUE(rest.empty());
}

RC_GTEST_PROP(ZmtpConnection, TakesAnyBytesAndHoldsNoMoreThanItsBudget, (const std::string& noise)) {
  Server server(50, 100);
  const bool greeted = *rc::gen::arbitrary<bool>();
  if (greeted) server.feed(greeting());
  std::string_view rest = noise;
  while (!rest.empty()) {
    server->feed(rest);
    RC_ASSERT(server.held() <= 100U);
    while (server->has_message()) (void)server->next();
  }
}

}  // namespace
}  // namespace solo::producers
