// Time, injected. Wall time is information for people and the expiry of tokens; every timeout, window and backoff goes
// by the monotonic clock, so that a step of the wall clock changes no order and no count.
#pragma once

#include <chrono>
#include <cstdint>

namespace solo::producers {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Microseconds since 1970 UTC. May step.
  virtual std::int64_t wall_us() const = 0;
  /// Never steps.
  virtual std::chrono::steady_clock::time_point now() const = 0;
};

/// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  std::int64_t wall_us() const override;
  std::chrono::steady_clock::time_point now() const override;
};

}  // namespace solo::producers
