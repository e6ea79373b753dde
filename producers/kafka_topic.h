// The log's topic from its outside: its genesis, made and read.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "producers/kafka_inspector.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::producers {

struct NewKafkaTopic {
  std::int32_t partitions = 1;
  std::int32_t replication = 1;
  /// 0: Kafka's default.
  std::int32_t min_insync_replicas = 0;
};

/// Makes the topic, if it is not there, and writes what is missing of its genesis: partition 0 first, whose uuid then
/// counts. Run again it finishes a half-made topic; two at once agree. failed_precondition: the topic is none of
/// Solo's, or has another number of partitions, or would lose events.
schemas::Result<Genesis> make_kafka_topic(const KafkaOptions& options, const NewKafkaTopic& wanted, const Clock& clock,
                                          Entropy& entropy, KafkaInspector& inspector);

/// The genesis in offset 0 of every partition, all of one log. failed_precondition: unfinished, cut at the beginning,
/// or not a Solo log.
schemas::Result<Genesis> read_kafka_genesis(KafkaInspector& inspector, std::chrono::milliseconds timeout);

/// The same, and where the partitions begin and end. Looks at the genesis of the first `most` partitions.
struct KafkaBeginning {
  Genesis genesis;
  std::vector<Bounds> bounds;
};
schemas::Result<KafkaBeginning> read_kafka_beginning(KafkaInspector& inspector, std::chrono::milliseconds timeout,
                                                     std::int32_t most = std::numeric_limits<std::int32_t>::max(),
                                                     const KafkaInspector::Waiting& waiting = {});

/// Do its settings keep every event? failed_precondition: they do not; or the broker does not tell them, which is a
/// line in the log alone when the options say `unchecked`. Not asked when the options say so.
schemas::Result<void> check_kafka_topic(const KafkaOptions& options, KafkaInspector& inspector,
                                        std::chrono::milliseconds timeout);

}  // namespace solo::producers
