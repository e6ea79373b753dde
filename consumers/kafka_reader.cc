#include "consumers/kafka_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "producers/kafka_client.h"
#include "producers/kafka_consumers.h"

namespace solo::consumers {

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

/// Messages taken out of librdkafka's queue at once; with the first one, as many as a read hands out.
constexpr std::size_t kAtOnce = ReadLimits().max_records - 1;
/// Of what was handed out and given back: so many reads' records are kept, and so many bytes of a record's value.
constexpr std::size_t kMostSpent = 4;
constexpr std::size_t kMostReused = 2048;
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
  std::unique_ptr<producers::KafkaConsumers::Lease> lease;
  rd_kafka_t* client = nullptr;
  KafkaTopicHandle topic;
  KafkaQueue queue;
  bool started = false;
  /// The first answer has come.
  bool fetching = false;
  /// Taken and not handed out: kept back in doubt, or over a read's limits. `front` is the first of them.
  std::vector<KafkaMessage> messages;
  std::size_t front = 0;
  /// Given back: their memory is the next ones'.
  std::vector<Records> spent;
  /// On their way out of librdkafka's queue.
  std::vector<rd_kafka_message_t*> more;
  /// After all messages that were taken: the topic's end as the broker told it, past what is no record.
  std::optional<std::int64_t> end_of_partition;
  std::optional<Error> failure;
  std::atomic<bool> woken = false;
};

Result<void> KafkaReader::Impl::start(const KafkaReaderOptions& options) {
  auto leased = log.consumers().lease(partition, options.max_ahead_bytes);
  if (!leased) return fail(leased.error());
  lease = std::move(*leased);
  client = lease->client();
  topic.reset(rd_kafka_topic_new(client, producers::events_topic(log.options().cluster).c_str(), nullptr));
  if (topic == nullptr) return fail(producers::kafka_error(rd_kafka_last_error(), where()));
  queue.reset(rd_kafka_queue_new(client));
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
      // What is gone of all partitions, and from where on, the monitor finds out.
      log.monitor().doubt(failure->message);
      return;
    }
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      failure = Error{ErrorCode::data_loss,
                      fmt::format("{}, from offset {}: {}", where(), next, rd_kafka_message_errstr(&message))};
      return;
    default:
      break;
  }
  // librdkafka goes on asking. A topic that is not known now, or may not be read, may be so again: whether it is the
  // same one then, the monitor finds out.
  if (producers::is_gone(message.err)) log.monitor().doubt_existence(rd_kafka_message_errstr(&message));
  log.monitor().doubt(rd_kafka_message_errstr(&message));
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
      producers::wake_fetch(client, producers::events_topic(log.options().cluster), {partition});
    }
    if (some) take(std::move(first));
    if (!messages.empty()) {
      more.resize(kAtOnce);
      const auto count = rd_kafka_consume_batch_queue(queue.get(), 0, more.data(), more.size());
      for (ssize_t at = 0; at < count; ++at) take(KafkaMessage(more[static_cast<std::size_t>(at)]));
    }
    // Errors of connections come here; a record may have come over a new connection only after them.
    while (rd_kafka_poll(client, 0) > 0) {
    }
    const bool passed_a_gap = messages.empty() && end_of_partition && *end_of_partition > next;
    if (passed_a_gap || (!some && SteadyClock::now() >= deadline)) return;
  }
}

/// Kafka's nothing is a null pointer.
void set_text(std::string& text, const void* from, std::size_t size) {
  text.clear();
  if (size != 0) text.assign(static_cast<const char*>(from), size);
}

void fill_record(LogRecord& record, const rd_kafka_message_t& message) {
  record.timestamp = rd_kafka_message_timestamp(&message, nullptr) * 1000;
  set_text(record.key, message.key, message.key_len);
  // Little memory is used again; much, that one record needed, is not kept for the next.
  if (record.value.capacity() > kMostReused) record.value = std::string();
  set_text(record.value, message.payload, message.len);
}

Records KafkaReader::Impl::hand_out(const ReadLimits& limits) {
  Records records;
  if (!spent.empty()) {
    records = std::move(spent.back());
    spent.pop_back();
  }
  const std::size_t most = std::min(limits.max_records, messages.size() - front);
  records.resize(most);
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (; count < most; ++front) {
    const rd_kafka_message_t& message = *messages[front];
    bytes += message.len + message.key_len;
    if (count > 0 && bytes > limits.max_bytes) break;
    LogRecord& record = records[count++];
    record.position = {partition, message.offset};
    fill_record(record, message);
    next = message.offset + 1;
    messages[front].reset();
  }
  records.resize(count);
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
  const bool failed = impl_->front == impl_->messages.size() && impl_->failure;
  if (failed && impl_->failure->code != ErrorCode::data_loss) return fail(*impl_->failure);
  const auto trusted = impl_->log.monitor().wait_trusted(deadline, impl_->woken);
  if (!trusted) return fail(trusted.error());
  if (*trusted && failed) return fail(*impl_->failure);
  if (impl_->woken.exchange(false) && impl_->front == impl_->messages.size()) return Records();
  if (!*trusted) return Records();
  const std::int64_t before = impl_->next;
  auto records = impl_->hand_out(limits);
  // Before anybody applies them: views are never further than the log is known to go.
  if (impl_->next > before) impl_->log.monitor().note_read(impl_->partition, impl_->next);
  return records;
}

void KafkaReader::reuse(Records spent) {
  if (impl_->spent.size() < kMostSpent) impl_->spent.push_back(std::move(spent));
}

std::int64_t KafkaReader::next_offset() const { return impl_->next; }

std::int64_t KafkaReader::end_offset() const {
  std::int64_t first = 0;
  std::int64_t end = impl_->next;
  // What the last fetch told.
  rd_kafka_get_watermark_offsets(impl_->client, producers::events_topic(impl_->log.options().cluster).c_str(),
                                 impl_->partition, &first, &end);
  return std::max(end, impl_->next);
}

void KafkaReader::wake() {
  impl_->woken = true;
  rd_kafka_queue_yield(impl_->queue.get());
  impl_->log.monitor().wake();
}

}  // namespace solo::consumers
