// Questions to the broker about the log's topic, one at a time, each with a deadline: does it exist, where does it
// begin and end, what stands at an offset, how is it configured; and making it.
//
// Thread-safe: a question waits for the one before it. Errors: unavailable (no broker, or no answer in time; ask
// again), unauthenticated (no broker lets this user in), not_found (no such topic), permission_denied (ACLs), data_loss
// (a record fails its CRC). What librdkafka says of its connections meanwhile is in the message.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "producers/event_log.h"
#include "producers/kafka_options.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

class KafkaInspector {
 public:
  using Timeout = std::chrono::milliseconds;

  /// How much of a partition is fetched at once, unless one record is more: little for who looks at single records
  /// of many partitions, much for who reads on.
  enum class Fetch : std::uint8_t { much, little };

  /// Connects in the background. Another topic than the log's if one is named.
  static schemas::Result<std::unique_ptr<KafkaInspector>> start(const KafkaOptions& options,
                                                                const std::string& topic = {},
                                                                Fetch fetch = Fetch::much);
  ~KafkaInspector();
  KafkaInspector(const KafkaInspector&) = delete;
  KafkaInspector& operator=(const KafkaInspector&) = delete;

  const std::string& topic() const;

  schemas::Result<std::int32_t> partitions(Timeout timeout);
  /// How many copies of each partition there are; of the one with the fewest.
  schemas::Result<std::int32_t> replication(Timeout timeout);
  schemas::Result<Bounds> bounds(std::int32_t partition, Timeout timeout);
  /// Of the partitions 0 to count - 1, with two questions to each of their leaders, however many there are.
  schemas::Result<std::vector<Bounds>> all_bounds(std::int32_t count, Timeout timeout);

  /// The first offset whose record is not older than `time_us`, microseconds since 1970 UTC; the partition's end if
  /// there is none.
  schemas::Result<std::int64_t> offset_at(std::int32_t partition, std::int64_t time_us, Timeout timeout);

  /// The records with offsets in [from, end), as far as there are any: offsets may have gaps. `end` is at most the
  /// partition's. Stops behind the record with which there are `enough_bytes`. unavailable: nothing came for `timeout`;
  /// while records come, it may take longer.
  schemas::Result<std::vector<schemas::LogRecord>> read(std::int32_t partition, std::int64_t from, std::int64_t end,
                                                        Timeout timeout, std::size_t enough_bytes = std::size_t(-1));

  /// Offsets [from, end) of a partition.
  struct Range {
    std::int32_t partition = 0;
    std::int64_t from = 0;
    std::int64_t end = 0;
  };
  /// Called while one waits, every few milliseconds.
  using Waiting = std::function<void()>;
  /// As read(), of several partitions at the same time, one range of each; `enough_bytes` counts for all together. What
  /// was found of each range, in the order of the ranges.
  schemas::Result<std::vector<std::vector<schemas::LogRecord>>> read_each(const std::vector<Range>& ranges,
                                                                          Timeout timeout,
                                                                          std::size_t enough_bytes = std::size_t(-1),
                                                                          const Waiting& waiting = {});

  /// The topic's settings by Kafka's names. unimplemented: the broker does not tell.
  schemas::Result<std::map<std::string, std::string>> settings(Timeout timeout);

  /// already_exists: there is one.
  schemas::Result<void> create(std::int32_t partitions, std::int32_t replication,
                               const std::map<std::string, std::string>& settings, Timeout timeout);

 private:
  struct Impl;
  explicit KafkaInspector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
