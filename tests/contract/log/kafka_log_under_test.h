// A Kafka log for the suite, on whatever broker the options name; its topic is made at the first open().
#pragma once

#include <memory>
#include <stdexcept>
#include <utility>

#include "consumers/kafka_reader.h"
#include "producers/kafka_log.h"
#include "tests/contract/log/log_factory.h"

namespace solo::testing {

class KafkaLogUnderTest : public LogUnderTest {
 public:
  KafkaLogUnderTest(producers::KafkaOptions options, std::int32_t partitions)
      : options_(std::move(options)), partitions_(partitions) {}

  void open() override {
    auto opened =
        producers::KafkaLog::open(options_, clock_, entropy_, producers::NewKafkaTopic{.partitions = partitions_});
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }
  void close() override { log_.reset(); }
  producers::EventLog& log() override { return *log_; }
  std::unique_ptr<consumers::EventReader> reader(std::int32_t partition, std::int64_t from_offset) override {
    auto reader = consumers::KafkaReader::open(*log_, partition, from_offset);
    if (!reader) throw std::runtime_error(reader.error().message);
    return std::move(*reader);
  }

 private:
  const producers::KafkaOptions options_;
  const std::int32_t partitions_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  std::unique_ptr<producers::KafkaLog> log_;
};

}  // namespace solo::testing
