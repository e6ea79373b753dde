// A daemon that cannot start says why and ends.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

TEST(Start, EndsAtOnceWhenItsSocketCannotBeMade) {
  Daemon daemon;
  std::filesystem::create_directory(daemon.state());
  std::filesystem::permissions(daemon.state(), std::filesystem::perms::owner_all);
  std::ofstream(daemon.state() / "command.sock") << "not a socket\n";
  daemon.launch();
  const auto code = daemon.child().wait(std::chrono::seconds(10));
  ASSERT_TRUE(code) << daemon.log();
  EXPECT_EQ(*code, 1);
  EXPECT_NE(daemon.log().find("command.sock"), std::string::npos) << daemon.log();
}

}  // namespace
}  // namespace solo::testing
