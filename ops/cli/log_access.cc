#include "ops/cli/log_access.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "producers/kafka_inspector.h"
#include "producers/kafka_topic.h"

namespace solo::ops {
namespace {

using producers::Bounds;
using producers::Genesis;
using producers::KafkaInspector;
using producers::LogInspector;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::int64_t kRecordsAtOnce = 1000;
constexpr std::size_t kBytesAtOnce = 4 * 1024 * 1024;
constexpr std::chrono::milliseconds kAnswer{10'000};

class EmbeddedSource final : public LogSource {
 public:
  explicit EmbeddedSource(std::unique_ptr<LogInspector> log) : log_(std::move(log)) {}

  std::string_view kind() const override { return "embedded"; }
  std::int32_t partitions() const override { return 1; }
  Result<Genesis> genesis() override { return log_->genesis(); }
  std::optional<bool> live() const override { return log_->live(); }
  Result<Bounds> bounds(std::int32_t) override { return log_->bounds(); }

  Result<LogChunk> read(std::int32_t, std::int64_t from, std::int64_t end) override {
    auto records = log_->read(from, static_cast<std::size_t>(std::min(end - from, kRecordsAtOnce)), kBytesAtOnce);
    if (!records) return fail(std::move(records).error());
    const std::int64_t next = records->empty() ? from : records->back().position.offset + 1;
    return LogChunk{*std::move(records), next};
  }

  /// Times are set by whoever wrote a record and may go back: the first record that is not older is looked for.
  Result<std::int64_t> offset_at(std::int32_t partition, std::int64_t time_us) override {
    const auto bounds = log_->bounds();
    if (!bounds) return fail(bounds.error());
    for (std::int64_t offset = bounds->first; offset < bounds->end;) {
      const auto chunk = read(partition, offset, bounds->end);
      if (!chunk) return fail(chunk.error());
      for (const auto& record : chunk->records) {
        if (record.timestamp >= time_us) return record.position.offset;
      }
      if (chunk->next == offset) break;
      offset = chunk->next;
    }
    return bounds->end;
  }

 private:
  std::unique_ptr<LogInspector> log_;
};

class KafkaSource final : public LogSource {
 public:
  KafkaSource(std::unique_ptr<KafkaInspector> topic, Genesis genesis)
      : topic_(std::move(topic)), genesis_(std::move(genesis)) {}

  std::string_view kind() const override { return "kafka"; }
  std::int32_t partitions() const override { return genesis_.partitions; }
  Result<Genesis> genesis() override { return genesis_; }
  std::optional<bool> live() const override { return std::nullopt; }
  Result<Bounds> bounds(std::int32_t partition) override { return topic_->bounds(partition, kAnswer); }

  Result<LogChunk> read(std::int32_t partition, std::int64_t from, std::int64_t end) override {
    const std::int64_t until = std::min(end, from + kRecordsAtOnce);
    auto records = topic_->read(partition, from, until, kAnswer, kBytesAtOnce);
    if (!records) return fail(std::move(records).error());
    // Offsets without a record are those of transactions' markers.
    const std::int64_t next = records->empty() ? until : records->back().position.offset + 1;
    return LogChunk{*std::move(records), next};
  }

  Result<std::int64_t> offset_at(std::int32_t partition, std::int64_t time_us) override {
    return topic_->offset_at(partition, time_us, kAnswer);
  }

 private:
  std::unique_ptr<KafkaInspector> topic_;
  Genesis genesis_;
};

Result<std::unique_ptr<LogSource>> open_embedded(const Session& session) {
  auto log = open_log(session);
  if (!log) {
    schemas::Error error = log.error();
    if (error.code == ErrorCode::not_found && error.hint.empty()) error.hint = "if it is in Kafka: --kafka HOST:PORT";
    return fail(std::move(error));
  }
  return std::make_unique<EmbeddedSource>(*std::move(log));
}

Result<std::unique_ptr<LogSource>> open_kafka(const KafkaAccess& kafka) {
  const auto options = kafka.kafka();
  if (!options) return fail(options.error());
  auto topic = KafkaInspector::start(*options);
  if (!topic) return fail(topic.error());
  auto genesis = producers::read_kafka_genesis(**topic, kAnswer);
  if (!genesis) return fail(genesis.error());
  return std::make_unique<KafkaSource>(*std::move(topic), *std::move(genesis));
}

}  // namespace

Result<std::unique_ptr<LogInspector>> open_log(const Session& session) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::seconds(3);
  for (;;) {
    auto log = LogInspector::open(std::filesystem::path(session.state_dir()) / "log");
    const bool passing = !log && log.error().retryable;
    if (!passing || steady_clock::now() >= deadline) return log;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Result<std::unique_ptr<LogSource>> open_log_source(const Session& session, const KafkaAccess& kafka) {
  if (kafka.on_command_line() && session.state_dir_on_command_line()) {
    return fail(ErrorCode::invalid_argument, "--kafka and --state-dir exclude each other",
                "a log is in Kafka or in a state directory");
  }
  const bool in_kafka = kafka.named() && !session.state_dir_on_command_line();
  return in_kafka ? open_kafka(kafka) : open_embedded(session);
}

}  // namespace solo::ops
