// Does the topic still keep every event? Its settings can be changed at any time, and a broker that deletes by them
// does so minutes later: they are asked for again and again, beside everything else.
//
// Threads: one of its own, which the destructor ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "producers/kafka_inspector.h"
#include "schemas/result.h"

namespace solo::producers {

class KafkaSettingsWatch {
 public:
  /// Told when it changes, on the watch's thread: which settings lose events and how to mend them (failed_precondition,
  /// retryable), or none: nothing is wrong. A broker that does not tell changes nothing.
  using Listener = std::function<void(std::optional<schemas::Error>)>;

  /// The inspector must outlive it.
  KafkaSettingsWatch(KafkaInspector& inspector, std::chrono::milliseconds interval, Listener listener);
  ~KafkaSettingsWatch();
  KafkaSettingsWatch(const KafkaSettingsWatch&) = delete;
  KafkaSettingsWatch& operator=(const KafkaSettingsWatch&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
