// The log in Apache Kafka: the topic CLUSTER.events, 1..P partitions keyed by tenant, over librdkafka.
//
// Durability: Durable means that every in-sync replica has the record (acks=all). With one broker that is the broker's
// memory, which survives a kill -9 of the broker but no power loss unless the topic has flush.messages=1; with
// replication and min.insync.replicas=2 it is two machines.
//
// Refused: the broker never got it, or turned it down. Unknown: it was sent and no answer came within the delivery
// timeout. Commands and observations have a producer each (kafka_writer.h). The topic is watched (kafka_monitor.h):
// while it is in doubt appends are kept; while no broker answers, or the topic has settings that lose events
// (kafka_settings_watch.h), they are refused (commands) or kept (observations); and when it is no longer the log that
// was opened everything is refused and KafkaOptions::on_fatal is told.
//
// Threads: every function may be called from any thread; none but bounds_now() and check_tail() waits for a broker. Its
// own: one per writer, the monitor's, the settings watch's, and librdkafka's. Ownership: readers
// (consumers/kafka_reader.h) borrow the log; they end before it. librdkafka is not fork-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producers/append_queue.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "producers/kafka_monitor.h"
#include "producers/kafka_options.h"
#include "producers/kafka_topic.h"

namespace solo::producers {

class KafkaConsumers;

class KafkaLog final : public EventLog {
 public:
  /// Waits for a broker, and for the right to read, as the options say. unavailable: none answered in time.
  /// unauthenticated: none lets this user in, which is not waited for. failed_precondition: no such topic (and
  /// `create` is not given), unfinished, not a Solo log, or one that would lose events, or may. permission_denied: the
  /// right was not given in time. invalid_argument: the settings.
  static schemas::Result<std::unique_ptr<KafkaLog>> open(KafkaOptions options, const Clock& clock, Entropy& entropy,
                                                         std::optional<NewKafkaTopic> create = {},
                                                         QueueLimits limits = {});
  /// As close().
  ~KafkaLog() override;
  KafkaLog(const KafkaLog&) = delete;
  KafkaLog& operator=(const KafkaLog&) = delete;

  /// Ends what is outstanding, within a few seconds. What is appended later is refused at once.
  void close();

  /// What the views remember, so that the topic can be recognised after a connection was lost. Nothing: stop asking.
  void set_tail_source(KafkaMonitor::TailSource source);
  /// Who writes down where it ends, so that a lost tail is known again. Nothing: nobody.
  void set_end_listener(KafkaMonitor::EndListener listener);

  std::string_view kind() const override { return "kafka"; }
  const Genesis& genesis() const override;
  std::int32_t partitions() const override;
  EventWriter& commands() override;
  EventWriter& observations() override;
  /// As of the last second.
  schemas::Result<Bounds> bounds(std::int32_t partition) override;
  schemas::Result<Bounds> bounds_now(std::int32_t partition) override;
  LogCondition condition() const override;
  schemas::Result<void> check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) override;

  // For readers (consumers/kafka_reader.h).

  const KafkaOptions& options() const;
  KafkaMonitor& monitor();
  KafkaConsumers& consumers();

  /// For tests: both producers behave as after a fatal error.
  void fail_fatally();

 private:
  struct Impl;
  explicit KafkaLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
