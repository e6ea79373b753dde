#include "consumers/kafka_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "producers/kafka_client.h"

namespace solo::consumers {

using producers::KafkaHandle;
using producers::KafkaQueue;
using producers::KafkaTopicHandle;
using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;
using Records = std::vector<LogRecord>;
using producers::KafkaMessage;

/// Messages taken out of librdkafka's queue at once.
constexpr std::size_t kAtOnce = 1000;
/// Until the first answer: how long to wait before the fetch is woken.
constexpr std::chrono::milliseconds kLook{5};

int milliseconds_until(SteadyClock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

struct KafkaReader::Impl {
  Impl(producers::KafkaLog& its_log, std::int32_t its_partition, std::int64_t from)
      : log(its_log), partition(its_partition), next(from) {}

  Result<void> start(const KafkaReaderOptions& options);
  void fill(SteadyClock::time_point deadline);
  void take(KafkaMessage message);
  void take_error(const rd_kafka_message_t& message);
  Records hand_out(const ReadLimits& limits);
  std::string where() const {
    return fmt::format("partition {} of topic {}", partition, producers::events_topic(log.options().cluster));
  }

  producers::KafkaLog& log;
  const std::int32_t partition;
  std::int64_t next;
  const producers::KafkaErrorListener on_error = [this](const std::string& what) { log.monitor().doubt(what); };
  KafkaHandle client;
  KafkaTopicHandle topic;
  KafkaQueue queue;
  bool started = false;
  /// The first answer has come.
  bool fetching = false;
  /// Taken and not handed out: kept back in doubt, or over a read's limits. `front` is the first of them.
  std::vector<KafkaMessage> messages;
  std::size_t front = 0;
  /// After all messages that were taken: the topic's end as the broker told it, past what is no record.
  std::optional<std::int64_t> end_of_partition;
  std::optional<Error> failure;
  std::atomic<bool> woken = false;
};

Result<void> KafkaReader::Impl::start(const KafkaReaderOptions& options) {
  const auto kilobytes = std::max<std::size_t>(options.max_ahead_bytes / 1024, 1024);
  auto made = producers::make_kafka_client(log.options(), producers::KafkaRole::reader,
                                           {{"queued.min.messages", "1000000"},
                                            {"queued.max.messages.kbytes", std::to_string(kilobytes)},
                                            {"fetch.message.max.bytes", "8388608"}},
                                           &on_error);
  if (!made) return fail(made.error());
  client = std::move(*made);
  topic.reset(rd_kafka_topic_new(client.get(), producers::events_topic(log.options().cluster).c_str(), nullptr));
  if (topic == nullptr) return fail(producers::kafka_error(rd_kafka_last_error(), where()));
  queue.reset(rd_kafka_queue_new(client.get()));
  if (rd_kafka_consume_start_queue(topic.get(), partition, next, queue.get()) != 0) {
    return fail(producers::kafka_error(rd_kafka_last_error(), where()));
  }
  started = true;
  return {};
}

void KafkaReader::Impl::take_error(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      end_of_partition = message.offset;
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: {
      const std::int64_t from = messages.empty() ? next : messages.back()->offset + 1;
      failure = Error{ErrorCode::data_loss, fmt::format("{} has no offset {}", where(), from),
                      "records that were there are gone: restore the topic"};
      return;
    }
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      failure = Error{ErrorCode::data_loss,
                      fmt::format("{}, from offset {}: {}", where(), next, rd_kafka_message_errstr(&message))};
      return;
    default:
      break;
  }
  log.monitor().doubt(rd_kafka_message_errstr(&message));
  const auto error = producers::kafka_error(message.err, where());
  // A topic that is not known now may be so again: whether it is the same one, the monitor finds out.
  if (error.code == ErrorCode::permission_denied) failure = error;
}

void KafkaReader::Impl::take(KafkaMessage message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return take_error(*message);
  end_of_partition.reset();
  messages.push_back(std::move(message));
}

// Waits for the first message and takes what has come with it.
void KafkaReader::Impl::fill(SteadyClock::time_point deadline) {
  messages.clear();
  front = 0;
  while (messages.empty() && !failure && !woken.load()) {
    const auto until = fetching ? deadline : std::min(deadline, SteadyClock::now() + kLook);
    KafkaMessage first(rd_kafka_consume_queue(queue.get(), milliseconds_until(until)));
    const bool some = first != nullptr;
    fetching = fetching || some;
    if (!fetching) {
      producers::wake_fetch(client.get(), producers::events_topic(log.options().cluster), partition);
    }
    if (some) take(std::move(first));
    if (!messages.empty()) {
      std::vector<rd_kafka_message_t*> more(kAtOnce);
      const auto count = rd_kafka_consume_batch_queue(queue.get(), 0, more.data(), more.size());
      for (ssize_t at = 0; at < count; ++at) take(KafkaMessage(more[static_cast<std::size_t>(at)]));
    }
    // Errors of connections come here; a record may have come over a new connection only after them.
    while (rd_kafka_poll(client.get(), 0) > 0) {
    }
    const bool passed_a_gap = messages.empty() && end_of_partition && *end_of_partition > next;
    if (passed_a_gap || (!some && SteadyClock::now() >= deadline)) return;
  }
}

Records KafkaReader::Impl::hand_out(const ReadLimits& limits) {
  Records records;
  std::size_t bytes = 0;
  for (; front < messages.size() && records.size() < limits.max_records; ++front) {
    const rd_kafka_message_t& message = *messages[front];
    bytes += message.len + message.key_len;
    if (!records.empty() && bytes > limits.max_bytes) break;
    LogRecord& record = records.emplace_back();
    record.position = {partition, message.offset};
    record.timestamp = rd_kafka_message_timestamp(&message, nullptr) * 1000;
    if (message.key_len != 0) record.key.assign(static_cast<const char*>(message.key), message.key_len);
    if (message.len != 0) record.value.assign(static_cast<const char*>(message.payload), message.len);
    next = message.offset + 1;
    messages[front].reset();
  }
  if (front == messages.size() && end_of_partition) next = std::max(next, *end_of_partition);
  return records;
}

KafkaReader::KafkaReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KafkaReader::~KafkaReader() {
  if (impl_->started) rd_kafka_consume_stop(impl_->topic.get(), impl_->partition);
}

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(producers::KafkaLog& log, std::int32_t partition,
                                                       std::int64_t from_offset, KafkaReaderOptions options) {
  auto impl = std::make_unique<Impl>(log, partition, from_offset);
  auto started = impl->start(options);
  std::unique_ptr<KafkaReader> reader(new KafkaReader(std::move(impl)));
  if (!started) return fail(started.error());
  return reader;
}

Result<Records> KafkaReader::read(const ReadLimits& limits, std::chrono::milliseconds timeout) {
  const auto deadline = SteadyClock::now() + timeout;
  if (impl_->front == impl_->messages.size() && !impl_->failure) impl_->fill(deadline);
  if (impl_->front == impl_->messages.size() && impl_->failure) return fail(*impl_->failure);
  const auto trusted = impl_->log.monitor().wait_trusted(deadline, impl_->woken);
  if (!trusted) return fail(trusted.error());
  if (impl_->woken.exchange(false) && impl_->front == impl_->messages.size()) return Records();
  if (!*trusted) return Records();
  return impl_->hand_out(limits);
}

std::int64_t KafkaReader::next_offset() const { return impl_->next; }

void KafkaReader::wake() {
  impl_->woken = true;
  rd_kafka_queue_yield(impl_->queue.get());
  impl_->log.monitor().wake();
}

}  // namespace solo::consumers
