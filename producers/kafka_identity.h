// Is the topic the log that it was? The questions that find out, of all partitions at the same time: where they end,
// whose genesis they have, whether the records that are remembered stand where they were.
//
// Errors: failed_precondition, data_loss: it is not, and how to go on; what another look cannot change. not_found:
// there is no such topic. unavailable: it could not be asked.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "producers/event_log.h"
#include "producers/kafka_inspector.h"
#include "schemas/result.h"

namespace solo::producers {

/// The record of a partition that was acknowledged last. None: offset -1.
struct LastDurable {
  std::int64_t offset = -1;
  /// Of the value.
  std::uint32_t crc = 0;
};

/// Another look cannot change it.
bool is_final(const schemas::Error& error);

/// For a topic that is gone.
schemas::Error no_topic_error(const std::string& topic, const std::string& said);

class KafkaIdentity {
 public:
  using Timeout = KafkaInspector::Timeout;
  /// Called before each question, with what is asked for, and while an answer is waited for.
  using Beat = std::function<void(const std::string& what)>;
  /// How many of the records that are remembered are looked at. A heartbeat asks little, since nothing has happened.
  enum class Depth : std::uint8_t { last, all };

  /// The inspector must outlive it. `timeout`: of each question, without any answer.
  KafkaIdentity(KafkaInspector& inspector, Genesis genesis, Timeout timeout, Beat beat);

  /// Where the partitions begin and end. `known`: how far each goes at least.
  schemas::Result<std::vector<Bounds>> ends(const std::vector<std::int64_t>& known);

  /// Its genesis and its number of partitions.
  schemas::Result<void> genesis(Depth depth);
  schemas::Result<void> durable(const std::vector<LastDurable>& last);
  /// The records that the views remember of each partition, ascending: the last of each; and of the ones before, as
  /// many as a few megabytes hold.
  schemas::Result<void> tails(const std::vector<std::vector<RecordFingerprint>>& tails, Depth depth);

 private:
  using Records = std::vector<std::vector<schemas::LogRecord>>;
  schemas::Result<Records> read(const std::vector<KafkaInspector::Range>& ranges, const std::string& what,
                                std::size_t enough_bytes = std::size_t(-1));

  KafkaInspector& inspector_;
  const Genesis genesis_;
  const Timeout timeout_;
  const Beat beat_;
  int went_back_ = 0;
};

/// Are these records (ascending) in the topic? As EventLog::check_tail.
schemas::Result<void> check_kafka_tail(KafkaInspector& inspector, std::int32_t partition,
                                       const std::vector<RecordFingerprint>& tail, std::chrono::milliseconds timeout);

}  // namespace solo::producers
