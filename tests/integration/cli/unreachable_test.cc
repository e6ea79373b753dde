// No daemon, or none that answers; and what needs none.
#include <algorithm>
#include <chrono>

#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

using std::chrono::steady_clock;

class Unreachable : public CliTest {
 protected:
  /// Ends with status 3 within five seconds.
  void expect_unreachable(const std::vector<std::string>& arguments) {
    auto quickest = steady_clock::duration::max();
    // A busy machine can hold up either of the two: what took too long is measured again.
    for (int times = 0; times < 3 && quickest >= std::chrono::seconds(5); ++times) {
      const auto began = steady_clock::now();
      const auto finished = solo(arguments);
      quickest = std::min(quickest, steady_clock::now() - began);
      EXPECT_EQ(finished.code, 3) << finished.out << finished.err;
    }
    EXPECT_LT(quickest, std::chrono::seconds(5));
  }
};

TEST_F(Unreachable, WithoutADaemonItSaysSoAtOnce) {
  expect_unreachable({"list"});
  expect_unreachable({"health"});
  EXPECT_EQ(json({"list"}, 3)["error"]["code"], "unavailable");
  EXPECT_TRUE(holds(solo({"list"}).err, daemon_.state().string())) << "it names where it looked";
}

TEST_F(Unreachable, AKilledDaemonsSocketIsNobody) {
  start();
  daemon_.kill9();
  expect_unreachable({"list"});
}

TEST_F(Unreachable, AFrozenDaemonIsGivenUp) {
  start();
  daemon_.child().freeze();
  expect_unreachable({"list"});
  daemon_.child().thaw();
}

TEST_F(Unreachable, AnAddressThatIsNoneIsWrongUsage) {
  EXPECT_EQ(solo({"list", "--addr", "udp://127.0.0.1:1"}).code, 2);
  EXPECT_EQ(solo({"list", "--addr", "tcp://127.0.0.1:1"}).code, 2) << "tcp needs the daemon's key";
  EXPECT_EQ(solo({"list", "--state-dir", "/" + std::string(120, 'x')}).code, 2) << "a socket's path is limited";
}

TEST_F(Unreachable, HelpAndVersionNeedNoDaemon) {
  EXPECT_EQ(solo({"version"}).code, 0);
  for (const char* command : {"deploy", "kill", "restart", "status", "list", "logs", "health", "version"}) {
    const auto finished = solo({command, "--help"});
    EXPECT_EQ(finished.code, 0) << command;
    EXPECT_TRUE(holds(finished.out, std::string("NAME\n    solo ") + command + " - "));
    EXPECT_TRUE(holds(finished.out, "EXIT STATUS"));
  }
  for (const char* verb : {"bounds", "read", "check"}) {
    EXPECT_TRUE(holds(solo({"log", verb, "--help"}).out, std::string("solo log ") + verb + " - "));
  }
  EXPECT_TRUE(holds(solo({"recovery", "report", "--help"}).out, "solo recovery report - "));
  EXPECT_TRUE(holds(solo({"--help"}).out, "recovery report"));
}

}  // namespace
}  // namespace solo::testing
