// How long to wait before trying again, and when to give up. Pure but for the randomness it is handed.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "producers/entropy.h"
#include "schemas/spec.h"

namespace solo::consumers {

using Instant = std::chrono::steady_clock::time_point;

struct BackoffRange {
  std::chrono::milliseconds first;
  std::chrono::milliseconds longest;
};

/// After a service ended by itself.
inline constexpr BackoffRange kRestartBackoff{std::chrono::milliseconds(100), std::chrono::seconds(10)};
/// After a start that failed.
inline constexpr BackoffRange kStartBackoff{std::chrono::milliseconds(200), std::chrono::seconds(60)};

/// Before attempt 1, 2, 3...: doubling from `first` to `longest`; the upper half of it random, so that services that
/// ended together do not come back together.
std::chrono::milliseconds backoff(std::size_t attempt, const BackoffRange& range, producers::Entropy& entropy);

/// Restarts within a sliding window, as an OTP supervisor counts them: more than max_restarts within the window means
/// giving up. OTP restarts at once; here a service is held back more and more, and that time is none of the window's:
/// otherwise a service that always crashes would leave it by waiting.
class RestartWindow {
 public:
  /// Counts one. false: it was one too many.
  bool admit(Instant now, const schemas::EffectiveLimits& limits);
  /// The restart that was admitted last comes so much later.
  void hold_back(std::chrono::milliseconds delay);
  std::size_t count() const { return restarts_.size(); }
  void clear() { restarts_.clear(); }

 private:
  std::deque<Instant> restarts_;
};

}  // namespace solo::consumers
