#include "producers/kafka_settings_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "producers/signals.h"
#include "producers/topic_check.h"

namespace solo::producers {

using schemas::Error;

namespace {

constexpr std::chrono::milliseconds kAnswer{1'000};
/// While something is wrong: who mends it waits for writes.
constexpr std::chrono::milliseconds kMended{1'000};

}  // namespace

struct KafkaSettingsWatch::Impl {
  KafkaInspector& inspector;
  const std::chrono::milliseconds interval;
  const Listener listener;

  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;

  // The thread's own.
  std::optional<Error> fault;
  std::thread thread;

  Impl(KafkaInspector& its_inspector, std::chrono::milliseconds its_interval, Listener its_listener)
      : inspector(its_inspector), interval(its_interval), listener(std::move(its_listener)) {}

  void look() {
    const auto settings = inspector.settings(kAnswer);
    if (!settings) return;
    std::optional<Error> now;
    if (const auto checked = check_topic_settings(inspector.topic(), *settings); !checked) {
      now = checked.error();
      now->message += "; nothing is written to it until that is mended";
      now->retryable = true;
    }
    if (now == fault) return;
    fault = std::move(now);
    if (fault) {
      spdlog::error("{}: {}", fault->message, fault->hint);
    } else {
      spdlog::info("topic {} keeps every event again, writes go on", inspector.topic());
    }
    listener(fault);
  }

  void run() {
    block_signals();
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, fault ? std::min(interval, kMended) : interval, [&] { return stopping; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  }
};

KafkaSettingsWatch::KafkaSettingsWatch(KafkaInspector& inspector, std::chrono::milliseconds interval, Listener listener)
    : impl_(std::make_unique<Impl>(inspector, interval, std::move(listener))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

KafkaSettingsWatch::~KafkaSettingsWatch() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

}  // namespace solo::producers
