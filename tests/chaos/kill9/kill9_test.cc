// kill -9 of the daemon at random instants under load from several clients: what was acknowledged is in force
// afterwards, a retried command takes effect once, and exactly the services that must run do, each once.
#include "tests/chaos/kill9/rounds.h"

namespace solo::testing {
namespace {

TEST_F(Kill9, OfTheDaemonAloneLosesNothingAcknowledged) { rounds(from_environment("SOLO_CHAOS_ROUNDS", 200), false); }

TEST_F(Kill9, OfTheDaemonAndEveryServiceLosesNothingAcknowledged) {
  rounds(from_environment("SOLO_CHAOS_ROUNDS", 200), true);
}

}  // namespace
}  // namespace solo::testing
