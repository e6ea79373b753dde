// Fewer descriptors than clients: the daemon lives, serves those inside, and everybody once there is room.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "producers/file_io.h"
#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

producers::FileDescriptor connect_to(const std::string& path) {
  producers::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return producers::FileDescriptor(-1);
  }
  return socket;
}

TEST(Descriptors, MoreClientsThanTheLimitNeverEndTheDaemonAndItServesAgainAfterwards) {
  constexpr unsigned kLimit = 256;
  Daemon daemon;
  daemon.set_descriptor_limit(kLimit);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  std::vector<std::unique_ptr<producers::CommandClient>> inside;
  for (int i = 0; i < 100; ++i) inside.push_back(daemon.client());
  const auto deploy = [&](producers::CommandClient& client, const std::string& service) {
    const auto reply = client.call(deploy_request({}, "acme", service, exec_spec({"/bin/sleep", "1000000"})));
    return reply && reply->ok;
  };
  {
    std::vector<producers::FileDescriptor> crowd;
    for (unsigned i = 0; i < 3 * kLimit; ++i) crowd.push_back(connect_to(daemon.state() / "command.sock"));
    for (auto& client : inside) {
      v1::RequestT request;
      request.body.Set(v1::HealthT{});
      ASSERT_TRUE(client->call(std::move(request))) << daemon.log();
    }
    EXPECT_TRUE(deploy(*inside.front(), "meanwhile")) << "descriptors are left for services";
    std::vector<std::unique_ptr<producers::CommandClient>> waiting;
    // Patient, so that one who is taken is not given up for being answered slowly.
    for (int i = 0; i < 40; ++i) {
      auto client =
          producers::CommandClient::connect({daemon.endpoint(), std::chrono::seconds(3), daemon.root_token()});
      if (client) {
        waiting.push_back(std::move(*client));
        continue;
      }
      EXPECT_EQ(client.error().code, schemas::ErrorCode::unavailable);
      EXPECT_NE(client.error().message.find("did not take this connection"), std::string::npos)
          << client.error().message;
      break;
    }
    EXPECT_LT(waiting.size(), 40U);
  }
  inside.resize(1);
  EXPECT_TRUE(deploy(*daemon.client(), "afterwards")) << daemon.log();
  EXPECT_EQ(daemon.stop(), ExitCode{0}) << daemon.log();
}

}  // namespace
}  // namespace solo::testing
