// Lets one line of a kind through per interval, and counts those it held back. Pure; belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace solo::producers {

class LogLimit {
 public:
  explicit LogLimit(std::chrono::milliseconds interval) : interval_(interval) {}

  /// How many were held back since the last one that went through; nothing: hold this one back, too.
  std::optional<std::uint64_t> take(std::chrono::steady_clock::time_point now) {
    if (last_ && now < *last_ + interval_) {
      ++held_;
      return std::nullopt;
    }
    last_ = now;
    const std::uint64_t held = held_;
    held_ = 0;
    return held;
  }

 private:
  std::chrono::milliseconds interval_;
  std::optional<std::chrono::steady_clock::time_point> last_;
  std::uint64_t held_ = 0;
};

}  // namespace solo::producers
