#include "producers/ipc_endpoint.h"

#include <gtest/gtest.h>

namespace solo::producers {
namespace {

TEST(IpcEndpoint, HasAPathOfUpTo107Bytes) {
  EXPECT_EQ(ipc_path("ipc:///run/solo/command.sock").value_or(""), "/run/solo/command.sock");
  EXPECT_TRUE(ipc_path("ipc://" + std::string(107, 'x')));
  const auto longer = ipc_path("ipc://" + std::string(108, 'x'));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().message.find("108 bytes"), std::string::npos);
}

TEST(IpcEndpoint, NothingElseIsOffered) {
  for (const char* wrong : {"", "tcp://*:1", "tcp://127.0.0.1:1", "ipc://", "ipc://*", "ipc://@abstract", "inproc://x",
                            "/run/solo/command.sock"}) {
    EXPECT_FALSE(ipc_path(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace solo::producers
