// CURVE at the server's end, against a client that can say anything.
#include <gtest/gtest.h>

#include "producers/zmtp_connection.h"
#include "tests/support/curve_client.h"

namespace solo::producers {
namespace {

using State = ZmtpConnection::State;
using testing::CurveClient;

class Curve : public ::testing::Test {
 protected:
  Curve() {
    options_.max_message = 1000;
    options_.max_wire = 10'000;
    options_.curve = &server_;
    options_.allow = [this](const CurveKey& key) { return key == client_.public_key; };
    connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
  }

  ZmtpConnection& connection() { return *connection_; }
  void feed(std::string_view bytes) {
    while (!bytes.empty()) connection_->feed(bytes);
  }
  /// The next frame's content that the server has written.
  std::string said() {
    std::string& output = connection_->output();
    if (!greeted_) output.erase(0, 64);
    greeted_ = true;
    if (output.size() < 2) return {};
    const bool is_long = (output[0] & 2) != 0;
    std::size_t size = 0;
    for (std::size_t i = 1; i <= (is_long ? 8U : 1U); ++i) size = size << 8 | static_cast<std::uint8_t>(output[i]);
    const std::size_t header = is_long ? 9 : 2;
    std::string content = output.substr(header, size);
    output.erase(0, header + size);
    return content;
  }
  void say_hello(CurveClient& client) {
    feed(CurveClient::greeting() + client.hello());
    ASSERT_TRUE(client.welcome(said()));
  }
  void shake_hands(CurveClient& client) {
    say_hello(client);
    feed(client.initiate());
    ASSERT_EQ(connection().state(), State::open) << connection().why();
    said();
  }

  SystemEntropy entropy_;
  CurveKeyPair server_ = make_curve_keys(entropy_);
  CurveKeyPair client_ = make_curve_keys(entropy_);
  ZmtpConnection::Options options_;
  ZmtpConnection::Budget budget_{1'000'000};
  std::unique_ptr<ZmtpConnection> connection_;
  bool greeted_ = false;
};

TEST_F(Curve, AClientThatIsAllowedExchangesMessages) {
  CurveClient client(server_.public_key, client_);
  shake_hands(client);
  EXPECT_EQ(connection().client_key(), client_.public_key);
  feed(client.message("header", 1));
  feed(client.message("body"));
  ASSERT_TRUE(connection().has_message());
  EXPECT_EQ(connection().next().frames, (std::vector<std::string>{"header", "body"}));
  const std::vector<std::string_view> answer{"one", std::string_view()};
  connection().send(answer);
  EXPECT_EQ(client.open(said()), std::string("\1one"));
  EXPECT_EQ(client.open(said()), std::string("\0", 1));
  EXPECT_EQ(budget_.held, 0U);
}

TEST_F(Curve, AKeyThatIsNotAllowedIsToldSo) {
  CurveClient stranger(server_.public_key, make_curve_keys(entropy_));
  say_hello(stranger);
  feed(stranger.initiate());
  EXPECT_EQ(connection().state(), State::broken);
  EXPECT_TRUE(connection().key_refused());
  EXPECT_EQ(said(), std::string("\5ERROR\3"
                                "400"));
}

TEST_F(Curve, WhoDoesNotKnowTheServersKeyLearnsNothing) {
  CurveClient client(make_curve_keys(entropy_).public_key, client_);
  feed(CurveClient::greeting() + client.hello());
  EXPECT_EQ(connection().state(), State::broken);
  EXPECT_FALSE(connection().key_refused());
  EXPECT_EQ(said(), "");
}

TEST_F(Curve, AnotherMechanismIsTurnedAway) {
  std::string bytes = CurveClient::greeting();
  bytes.replace(12, 5, std::string("NULL\0", 5));
  feed(bytes);
  EXPECT_EQ(connection().state(), State::broken);
}

TEST_F(Curve, TheHandshakeHasOneOrder) {
  for (const bool message_first : {true, false}) {
    connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
    greeted_ = false;
    CurveClient client(server_.public_key, client_);
    say_hello(client);
    // Neither a message nor a second HELLO may stand in INITIATE's place.
    feed(message_first ? client.message("x") : client.hello());
    EXPECT_EQ(connection().state(), State::broken) << message_first;
  }
}

TEST_F(Curve, TheHandshakeOfAnotherConnectionIsWorthNothing) {
  CurveClient client(server_.public_key, client_);
  const std::string hello = client.hello();
  feed(CurveClient::greeting() + hello);
  ASSERT_TRUE(client.welcome(said()));
  const std::string initiate = client.initiate();
  feed(initiate);
  ASSERT_EQ(connection().state(), State::open);
  connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
  feed(CurveClient::greeting() + hello + initiate);
  EXPECT_EQ(connection().state(), State::broken);
  EXPECT_FALSE(connection().client_key());
}

TEST_F(Curve, AVouchForAnotherShortKeyIsNone) {
  CurveClient client(server_.public_key, client_);
  say_hello(client);
  const CurveKey other = make_curve_keys(entropy_).public_key;
  feed(client.initiate({}, &other));
  EXPECT_EQ(connection().state(), State::broken);
}

TEST_F(Curve, AKeyNamedWithoutItsSecretHalfIsWorthNothing) {
  CurveKeyPair thief = make_curve_keys(entropy_);
  thief.public_key = client_.public_key;
  CurveClient client(server_.public_key, thief);
  say_hello(client);
  feed(client.initiate());
  EXPECT_EQ(connection().state(), State::broken);
  EXPECT_FALSE(connection().client_key());
}

TEST_F(Curve, ARepeatedMessageBreaksTheConnection) {
  CurveClient client(server_.public_key, client_);
  shake_hands(client);
  const std::string first = client.message("pay");
  const std::string second = client.message("pay again");
  feed(first + second);
  connection().next();
  connection().next();
  feed(first);
  EXPECT_EQ(connection().state(), State::broken);
  EXPECT_FALSE(connection().has_message());
}

TEST_F(Curve, AMessageThatWasChangedAnywhereBreaksTheConnection) {
  CurveClient probe(server_.public_key, client_);
  const std::size_t size = probe.message("body").size();
  for (std::size_t at = 2; at < size; ++at) {
    connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
    greeted_ = false;
    CurveClient client(server_.public_key, client_);
    shake_hands(client);
    std::string changed = client.message("body");
    changed[at] = static_cast<char>(changed[at] ^ 1);
    feed(changed);
    EXPECT_EQ(connection().state(), State::broken) << at;
    EXPECT_FALSE(connection().has_message()) << at;
  }
  EXPECT_EQ(budget_.held, 0U);
}

TEST_F(Curve, AFrameThatIsTooLongIsNotKeptAndTheNextMessageIs) {
  CurveClient client(server_.public_key, client_);
  shake_hands(client);
  feed(client.message("header", 1));
  feed(client.message(std::string(5000, 'x')));
  ASSERT_TRUE(connection().has_message());
  EXPECT_EQ(connection().next().fate, ZmtpMessage::Fate::too_long);
  feed(client.message("next"));
  ASSERT_TRUE(connection().has_message());
  EXPECT_EQ(connection().next().fate, ZmtpMessage::Fate::whole);
  EXPECT_EQ(budget_.held, 0U);
}

TEST_F(Curve, APingIsAnsweredSealed) {
  CurveClient client(server_.public_key, client_);
  shake_hands(client);
  feed(client.message(std::string("\4PING\0\1abc", 10), 2));
  EXPECT_EQ(client.open(said()), std::string("\2\4PONGabc"));
}

TEST_F(Curve, WhatAnAllowedClientSealsIsStillNotTrusted) {
  CurveClient client(server_.public_key, client_);
  say_hello(client);
  feed(
      client.initiate(std::string("\13Socket-Type\xff\xff\xff\xff"
                                  "DEALER",
                                  22)));
  EXPECT_EQ(connection().state(), State::broken);
}

}  // namespace
}  // namespace solo::producers
