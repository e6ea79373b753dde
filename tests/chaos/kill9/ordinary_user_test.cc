// The same of a daemon that an ordinary user runs. Its memory, and that of a child until its exec, is closed even to
// itself: recovery has to find everything all the same.
#include "tests/chaos/kill9/rounds.h"

namespace solo::testing {
namespace {

class Kill9OfAnOrdinaryUsers : public Kill9 {
 protected:
  void SetUp() override { daemon_.run_as_ordinary_user(); }
};

TEST_F(Kill9OfAnOrdinaryUsers, DaemonAloneLosesNothingAcknowledged) {
  rounds(from_environment("SOLO_CHAOS_ROUNDS", 40), false);
}

TEST_F(Kill9OfAnOrdinaryUsers, DaemonAndEveryServiceLosesNothingAcknowledged) {
  rounds(from_environment("SOLO_CHAOS_ROUNDS", 40), true);
}

}  // namespace
}  // namespace solo::testing
