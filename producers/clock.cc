#include "producers/clock.h"

namespace solo::producers {

std::int64_t SystemClock::wall_us() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

std::chrono::steady_clock::time_point SystemClock::now() const { return std::chrono::steady_clock::now(); }

}  // namespace solo::producers
