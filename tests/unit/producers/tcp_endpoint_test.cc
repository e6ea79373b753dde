#include "producers/tcp_endpoint.h"

#include <gtest/gtest.h>

namespace solo::producers {
namespace {

using schemas::ErrorCode;

TEST(TcpEndpoint, HostAndPortAreTakenApart) {
  const auto four = parse_tcp("tcp://127.0.0.1:5555");
  ASSERT_TRUE(four);
  EXPECT_EQ(four->host, "127.0.0.1");
  EXPECT_EQ(four->port, 5555);
  const auto six = parse_tcp("tcp://[::1]:0");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(parse_tcp("tcp://solo.example.org:1")->host, "solo.example.org");
}

TEST(TcpEndpoint, WhatIsNoneIsRefusedWithTheFormItShouldHave) {
  for (const char* text : {"tcp://", "tcp://1.2.3.4", "tcp://:5", "tcp://*:5", "tcp://1.2.3.4:", "tcp://1.2.3.4:65536",
                           "tcp://1.2.3.4:-1", "tcp://1.2.3.4:5x", "tcp://::1:5", "tcp://[]:5", "tcp://a b:5",
                           "tcp://eth0;1.2.3.4:5", "ipc://x", "1.2.3.4:5"}) {
    const auto parsed = parse_tcp(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(parsed.error().hint.find("tcp://ADDRESS:PORT"), std::string::npos);
  }
}

TEST(TcpEndpoint, OneListensAtAddressesAndNotAtNames) {
  EXPECT_TRUE(parse_tcp_to_listen("tcp://0.0.0.0:0"));
  EXPECT_TRUE(parse_tcp_to_listen("tcp://[::]:0"));
  EXPECT_FALSE(parse_tcp_to_listen("tcp://localhost:0"));
  EXPECT_FALSE(parse_tcp_to_listen("tcp://[127.0.0.1]x:0"));
}

TEST(TcpEndpoint, PortZeroAsksTheKernelAndATakenPortIsAnErrorOfItsOwn) {
  const auto socket = listen_tcp("tcp://127.0.0.1:0", 1);
  ASSERT_TRUE(socket) << socket.error().message;
  const std::string bound = local_tcp(socket->get());
  EXPECT_TRUE(parse_tcp(bound)->port != 0) << bound;
  const auto again = listen_tcp(bound, 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  // An address set aside for documentation: no machine has it.
  const auto elsewhere = listen_tcp("tcp://192.0.2.1:0", 1);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace solo::producers
