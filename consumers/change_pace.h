// How often what runs of a service follows its changes: a few times at once, then at a steady pace, so that a service
// that is deployed thousands of times a second costs a few processes a second, and the last one is what was deployed
// last. Pure; one thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "consumers/backoff.h"

namespace solo::consumers {

class ChangePace {
 public:
  /// Changes that are followed at once after a quiet time.
  static constexpr int kAtOnce = 10;
  /// Between two after that.
  static constexpr std::chrono::milliseconds kApart{200};

  /// When the next change may be followed: `now`, or later.
  Instant next(Instant now) const { return std::max(now, even_ - (kAtOnce - 1) * kApart); }

  /// One was followed, and something had to be done for it.
  void followed(Instant now) { even_ = std::max(even_, now) + kApart; }

 private:
  // When all that were followed are paid for, each with kApart (the generic cell rate algorithm of ITU-T I.371).
  Instant even_{};
};

}  // namespace solo::consumers
