// librdkafka's handles as C++ values, and its settings as Solo wants them. For the Kafka adapters' .cc files alone.
//
// Every client gets settings for quick recovery (short reconnect pauses, no Nagle), and its log lines go to the
// daemon's own log; none holds a secret. librdkafka is not fork-safe: nothing here may be used in a forked child.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::producers {

template <auto Function>
struct KafkaDelete {
  template <class Handle>
  void operator()(Handle* handle) const {
    Function(handle);
  }
};

using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaDelete<rd_kafka_destroy>>;
using KafkaTopicHandle = std::unique_ptr<rd_kafka_topic_t, KafkaDelete<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaDelete<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, KafkaDelete<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaDelete<rd_kafka_message_destroy>>;

enum class KafkaRole : std::uint8_t {
  /// A producer whose records time out.
  commands,
  /// A producer that goes on until the record is durable.
  observations,
  /// Reads one partition, far ahead.
  reader,
  /// Asks about the topic, reads single records.
  inspector,
};

using KafkaSettings = std::map<std::string, std::string>;
/// Told of lost connections and the like, by whoever polls a consumer. (Producers tell through their queue.)
using KafkaErrorListener = std::function<void(rd_kafka_resp_err_t code, const std::string& what)>;

/// A client of that role; `extra` beats the role's own settings. `on_error` must outlive it. invalid_argument: a
/// setting that librdkafka refuses, named without its value.
schemas::Result<KafkaHandle> make_kafka_client(const KafkaOptions& options, KafkaRole role,
                                               const KafkaSettings& extra = {},
                                               const KafkaErrorListener* on_error = nullptr);

/// A broker's thread looks at a new fetch only when something wakes it, up to a second later: a request does. Waits for
/// the answer, for 100 ms at most.
void wake_fetch(rd_kafka_t* consumer, const std::string& topic, const std::vector<std::int32_t>& partitions);

/// librdkafka's error in Solo's words: `context: what it says`.
schemas::Error kafka_error(rd_kafka_resp_err_t code, const std::string& context);

/// The topic, or the partition, is not there (any more).
bool is_gone(rd_kafka_resp_err_t code);

}  // namespace solo::producers
