#include "tests/contract/log/log_factory.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "consumers/embedded_reader.h"
#include "consumers/memory_reader.h"
#include "producers/embedded_log.h"
#include "producers/memory_log.h"
#include "tests/contract/log/kafka_log_under_test.h"
#include "tests/support/mock_cluster.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {
namespace {

class MemoryLogUnderTest final : public LogUnderTest {
 public:
  explicit MemoryLogUnderTest(std::int32_t partitions)
      : storage_(std::make_shared<producers::MemoryStorage>(partitions)) {}

  void open() override { log_ = std::make_unique<producers::MemoryLog>(storage_); }
  void close() override { log_.reset(); }
  producers::EventLog& log() override { return *log_; }
  std::unique_ptr<consumers::EventReader> reader(std::int32_t partition, std::int64_t from_offset) override {
    return std::make_unique<consumers::MemoryReader>(*log_, partition, from_offset);
  }

 private:
  std::shared_ptr<producers::MemoryStorage> storage_;
  std::unique_ptr<producers::MemoryLog> log_;
};

class EmbeddedLogUnderTest final : public LogUnderTest {
 public:
  void open() override {
    producers::EmbeddedLogOptions options;
    options.directory = directory_.path() / "log";
    auto opened = producers::EmbeddedLog::open(options, clock_, entropy_);
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }
  void close() override { log_.reset(); }
  producers::EventLog& log() override { return *log_; }
  std::unique_ptr<consumers::EventReader> reader(std::int32_t, std::int64_t from_offset) override {
    return std::make_unique<consumers::EmbeddedReader>(*log_, from_offset);
  }

 private:
  TempDir directory_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  std::unique_ptr<producers::EmbeddedLog> log_;
};

/// librdkafka's own broker, in this process.
class MockKafkaUnderTest final : public KafkaLogUnderTest {
 public:
  explicit MockKafkaUnderTest(std::int32_t partitions)
      : MockKafkaUnderTest(std::make_unique<MockCluster>(partitions)) {}
  ~MockKafkaUnderTest() override { close(); }

 private:
  explicit MockKafkaUnderTest(std::unique_ptr<MockCluster> cluster)
      : KafkaLogUnderTest(cluster->options(), cluster->partitions()), cluster_(std::move(cluster)) {}

  std::unique_ptr<MockCluster> cluster_;
};

}  // namespace

std::vector<LogFactory> all_factories() {
  const auto mock = [](std::int32_t partitions) {
    return [partitions] { return std::make_unique<MockKafkaUnderTest>(partitions); };
  };
  return {
      {"Memory", [] { return std::make_unique<MemoryLogUnderTest>(1); }},
      {"MemoryThreePartitions", [] { return std::make_unique<MemoryLogUnderTest>(3); }},
      {"Embedded", [] { return std::make_unique<EmbeddedLogUnderTest>(); }},
      {"MockKafka", mock(1), true},
      {"MockKafkaThreePartitions", mock(3), true},
  };
}

}  // namespace solo::testing
