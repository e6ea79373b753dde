#include "consumers/backoff.h"

#include <algorithm>
#include <cstdint>

namespace solo::consumers {

std::chrono::milliseconds backoff(std::size_t attempt, const BackoffRange& range, producers::Entropy& entropy) {
  std::chrono::milliseconds delay = range.first;
  for (std::size_t i = 1; i < attempt && delay < range.longest; ++i) delay *= 2;
  delay = std::min(delay, range.longest);
  const std::chrono::milliseconds half = delay / 2;
  const auto spread = static_cast<std::uint64_t>(half.count()) + 1;
  return delay - half + std::chrono::milliseconds(static_cast<std::int64_t>(entropy.below(spread)));
}

bool RestartWindow::admit(Instant now, const schemas::EffectiveLimits& limits) {
  restarts_.push_back(now);
  while (restarts_.front() + limits.window < now) restarts_.pop_front();
  return restarts_.size() <= limits.max_restarts;
}

void RestartWindow::hold_back(std::chrono::milliseconds delay) {
  for (Instant& restart : restarts_) restart += delay;
}

}  // namespace solo::consumers
