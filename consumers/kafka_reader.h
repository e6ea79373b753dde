// Reads one partition of a KafkaLog, from an offset on, by a client of the log's (producers/kafka_consumers.h): no
// group, no committed offset.
//
// Offsets may have gaps (transaction markers, aborted batches): next_offset() passes them. What was read while the
// topic is in doubt is kept back until it is known to be the log (producers/kafka_monitor.h). Errors as event_reader.h
// says; also data_loss: the offset to read from is not in the topic; failed_precondition: the topic is no longer the
// log; unavailable: it cannot be read now.
#pragma once

#include <cstdint>
#include <memory>

#include "consumers/event_reader.h"
#include "producers/kafka_log.h"
#include "schemas/result.h"

namespace solo::consumers {

struct KafkaReaderOptions {
  /// How much is fetched ahead, for replay. Nothing of it is used when the reader keeps up.
  std::size_t max_ahead_bytes = 256 * 1024 * 1024;
};

class KafkaReader final : public EventReader {
 public:
  static schemas::Result<std::unique_ptr<KafkaReader>> open(producers::KafkaLog& log, std::int32_t partition,
                                                            std::int64_t from_offset, KafkaReaderOptions options = {});
  ~KafkaReader() override;
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  schemas::Result<std::vector<schemas::LogRecord>> read(const ReadLimits& limits,
                                                        std::chrono::milliseconds timeout) override;
  void reuse(std::vector<schemas::LogRecord> spent) override;
  std::int64_t next_offset() const override;
  std::int64_t end_offset() const override;
  void wake() override;

 private:
  struct Impl;
  explicit KafkaReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::consumers
