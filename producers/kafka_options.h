// Where the Kafka log is and how it is talked to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "schemas/result.h"

namespace solo::producers {

struct KafkaOptions {
  /// HOST:PORT[,HOST:PORT...].
  std::string bootstrap;
  /// The log is the topic CLUSTER.events.
  std::string cluster = "solo";
  /// Further settings by librdkafka's own names, secrets resolved. Those that carry the log's promises (acks,
  /// idempotence, offsets, ...) are Solo's and are refused here.
  std::map<std::string, std::string> properties;
  /// A command that the broker has not taken by then is refused, or unknown if it may have been taken.
  std::chrono::milliseconds delivery_timeout{5'000};
  /// How long open() waits for a broker.
  std::chrono::milliseconds start_timeout{60'000};
  /// Ask for the topic's settings, and refuse those that would lose events. librdkafka's mock cluster never answers
  /// that.
  bool check_settings = true;
  /// How often they are asked for while the log is open.
  std::chrono::milliseconds settings_interval{10'000};
  /// A topic whose settings the broker does not tell is taken as it is.
  bool unchecked = false;
  /// What open() waits for, in words; again when it changes.
  std::function<void(const std::string&)> on_waiting;
  /// Asked while open() waits: true ends it.
  std::function<bool()> cancelled;
  /// Told once, on a thread of the log, when the topic is no longer the one that was opened. Must not wait for the log.
  std::function<void(const schemas::Error&)> on_fatal;
};

/// The most bytes that a producer puts into one batch: an event as large as may be, with what goes with it, or many
/// small ones.
inline constexpr std::size_t kLargestKafkaBatch = 1'000'000;

/// `<cluster>.events`.
std::string events_topic(const std::string& cluster);

/// Is this one of librdkafka's settings, and one that is left to the operator? invalid_argument says why not.
schemas::Result<void> check_kafka_property(const std::string& name, const std::string& value);

/// Does its value have to stay out of logs and listings?
bool is_kafka_secret(const std::string& name);

}  // namespace solo::producers
