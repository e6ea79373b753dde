// The order that ops/root_token.h states.
#include <gtest/gtest.h>
#include <signal.h>

#include "schemas/token.h"
#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

TEST(RootToken, ACrashWhileItIsMadeLeavesOneThatWorks) {
  for (const char* point : {"root-written", "root-durable"}) {
    SCOPED_TRACE(point);
    Daemon daemon;
    daemon.set_environment({std::string("SOLO_CRASH_AT=") + point});
    daemon.launch();
    daemon.set_environment({});
    ASSERT_EQ(daemon.child().wait(std::chrono::seconds(20)), 128 + SIGKILL) << daemon.log();
    const std::string root = daemon.root_token();
    EXPECT_TRUE(schemas::check_token(root));
    ASSERT_TRUE(daemon.start()) << daemon.log();
    EXPECT_EQ(daemon.root_token(), root);
    v1::RequestT request;
    request.tenant = "acme";
    request.body.Set(v1::ListT());
    const auto reply = daemon.client()->call(request);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->ok) << reply->error->message;
  }
}

}  // namespace
}  // namespace solo::testing
