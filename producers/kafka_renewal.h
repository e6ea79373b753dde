// When a Kafka producer that failed is replaced, and which of its reasons are said: a right that is missing, or a
// broker that is not well, lets each new one fail at once. Pure.
#pragma once

#include <algorithm>
#include <chrono>

namespace solo::producers {

class KafkaRenewal {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Pause = std::chrono::milliseconds;

  static constexpr Pause kFirstPause{100};
  static constexpr Pause kLongestPause{10'000};

  /// It failed: the next one comes after a pause, twice as long as the last.
  void fail(Time now) {
    due_at_ = now + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
  }
  bool due(Time now) const { return now >= due_at_; }

  /// Is this another reason than the one that was said last?
  bool is_news(int reason) {
    const bool news = reason != said_;
    said_ = reason;
    return news;
  }

  /// A record became durable: whatever was wrong is over. Was anything?
  bool deliver() {
    const bool news = said_ != 0;
    pause_ = kFirstPause;
    said_ = 0;
    return news;
  }

 private:
  Pause pause_ = kFirstPause;
  Time due_at_{};
  int said_ = 0;
};

}  // namespace solo::producers
