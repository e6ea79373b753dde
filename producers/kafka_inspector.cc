#include "producers/kafka_inspector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <utility>

#include "producers/kafka_client.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDelete<rd_kafka_AdminOptions_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDelete<rd_kafka_NewTopic_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDelete<rd_kafka_ConfigResource_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDelete<rd_kafka_topic_partition_list_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, KafkaDelete<rd_kafka_metadata_destroy>>;

constexpr std::size_t kWords = 512;
/// Milliseconds of waiting for a record, before the fetch is woken again.
constexpr int kLook = 5;

LogRecord record_of(const rd_kafka_message_t& message) {
  LogRecord record;
  record.position = {message.partition, message.offset};
  record.timestamp = rd_kafka_message_timestamp(&message, nullptr) * 1000;
  record.key.assign(static_cast<const char*>(message.key), message.key_len);
  record.value.assign(static_cast<const char*>(message.payload), message.len);
  return record;
}

}  // namespace

struct KafkaInspector::Impl {
  std::string topic_name;
  /// Why the brokers cannot be talked to, in librdkafka's words, until one answers; of itself a question says only that
  /// its time is over. Told by the client's poll, and so with the mutex.
  rd_kafka_resp_err_t trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string trouble_words;
  const KafkaErrorListener on_error = [this](rd_kafka_resp_err_t code, const std::string& words) {
    // "All brokers are down" says less than what was said before it.
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && trouble != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    trouble = code;
    // How long it took differs each time.
    trouble_words = words.substr(0, words.rfind(" (after "));
  };
  KafkaHandle client;
  KafkaTopicHandle topic;
  std::mutex mutex;

  void answered() { trouble = RD_KAFKA_RESP_ERR_NO_ERROR; }
  /// The error with why nobody answers, if that is known.
  Error unanswered(Error error) {
    rd_kafka_poll(client.get(), 0);
    if (error.code != ErrorCode::unavailable || trouble == RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    error.message += ": " + trouble_words;
    if (trouble == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
      return {ErrorCode::unauthenticated, std::move(error.message),
              "look at sasl.username, sasl.password and sasl.mechanism among Kafka's settings"};
    }
    if (trouble == RD_KAFKA_RESP_ERR__SSL) error.hint = "look at security.protocol and ssl.ca.location";
    return error;
  }

  /// Waits for an admin operation's answer.
  Result<KafkaEvent> answer(const KafkaQueue& queue, Timeout timeout, const std::string& what) {
    // Slightly longer than the operation's own timeout, so that it has its say.
    KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count()) + 500));
    if (event == nullptr) return fail(unanswered({ErrorCode::unavailable, what + ": no answer in time", "", true}));
    const auto code = rd_kafka_event_error(event.get());
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
      return fail(ErrorCode::unimplemented, what + ": the broker does not offer it");
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(unanswered(kafka_error(code, what)));
    answered();
    return event;
  }

  Result<AdminOptions> admin_options(rd_kafka_admin_op_t operation, Timeout timeout) const {
    AdminOptions options(rd_kafka_AdminOptions_new(client.get(), operation));
    std::array<char, kWords> words{};
    const auto code = rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(timeout.count()),
                                                                words.data(), words.size());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::internal, words.data());
    return options;
  }

  /// Of the topic alone.
  Result<Metadata> metadata(Timeout timeout) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto code = rd_kafka_metadata(client.get(), 0, topic.get(), &found, static_cast<int>(timeout.count()));
    Metadata metadata(found);
    rd_kafka_poll(client.get(), 0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(unanswered(kafka_error(code, "Kafka")));
    answered();
    if (metadata->topic_cnt != 1) return fail(ErrorCode::unavailable, "Kafka: metadata without the topic", "", true);
    const auto problem = metadata->topics[0].err;
    if (problem == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return fail(ErrorCode::not_found, fmt::format("Kafka has no topic {}", topic_name));
    }
    if (problem != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(kafka_error(problem, "topic " + topic_name));
    return metadata;
  }

  /// One offset that the broker finds for `which`, a time in milliseconds or one of librdkafka's special offsets.
  rd_kafka_resp_err_t ask_offset(std::int32_t partition, std::int64_t which, Timeout timeout, std::int64_t& answer) {
    const Partitions list(rd_kafka_topic_partition_list_new(1));
    auto* asked = rd_kafka_topic_partition_list_add(list.get(), topic_name.c_str(), partition);
    asked->offset = which;
    const auto code = rd_kafka_offsets_for_times(client.get(), list.get(), static_cast<int>(timeout.count()));
    rd_kafka_poll(client.get(), 0);
    answer = asked->offset;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) answered();
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? asked->err : code;
  }

  Result<std::vector<LogRecord>> consume(std::int32_t partition, std::int64_t end, SteadyTime deadline,
                                         std::size_t enough_bytes) {
    std::vector<LogRecord> found;
    std::size_t bytes = 0;
    for (;;) {
      const KafkaMessage message(rd_kafka_consume(topic.get(), partition, kLook));
      // Errors of connections come without a message, through the client's own queue.
      rd_kafka_poll(client.get(), 0);
      if (message == nullptr && std::chrono::steady_clock::now() < deadline) {
        wake_fetch(client.get(), topic_name, partition);
        continue;
      }
      if (message == nullptr) {
        return fail(unanswered({ErrorCode::unavailable,
                                fmt::format("reading {} of {}: no answer in time", partition, topic_name), "", true}));
      }
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return found;
      if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG) {
        return fail(ErrorCode::data_loss,
                    fmt::format("{} partition {}: {}", topic_name, partition, rd_kafka_message_errstr(message.get())));
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(kafka_error(message->err, fmt::format("reading partition {} of {}", partition, topic_name)));
      }
      if (message->offset >= end) return found;
      found.push_back(record_of(*message));
      bytes += message->key_len + message->len;
      if (message->offset + 1 >= end || bytes >= enough_bytes) return found;
    }
  }
};

KafkaInspector::KafkaInspector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaInspector::~KafkaInspector() = default;

Result<std::unique_ptr<KafkaInspector>> KafkaInspector::start(const KafkaOptions& options, const std::string& topic) {
  auto impl = std::make_unique<Impl>();
  impl->topic_name = topic.empty() ? events_topic(options.cluster) : topic;
  auto client = make_kafka_client(options, KafkaRole::inspector, {}, &impl->on_error);
  if (!client) return fail(std::move(client).error());
  impl->client = std::move(*client);
  impl->topic.reset(rd_kafka_topic_new(impl->client.get(), impl->topic_name.c_str(), nullptr));
  if (impl->topic == nullptr) {
    return fail(ErrorCode::invalid_argument, fmt::format("Kafka takes no topic \"{}\"", impl->topic_name));
  }
  return std::unique_ptr<KafkaInspector>(new KafkaInspector(std::move(impl)));
}

const std::string& KafkaInspector::topic() const { return impl_->topic_name; }

Result<std::int32_t> KafkaInspector::partitions(Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  auto metadata = impl_->metadata(timeout);
  if (!metadata) return fail(metadata.error());
  return (*metadata)->topics[0].partition_cnt;
}

Result<std::int32_t> KafkaInspector::replication(Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  auto metadata = impl_->metadata(timeout);
  if (!metadata) return fail(metadata.error());
  const auto& topic = (*metadata)->topics[0];
  std::int32_t fewest = std::numeric_limits<std::int32_t>::max();
  for (int at = 0; at < topic.partition_cnt; ++at) fewest = std::min(fewest, topic.partitions[at].replica_cnt);
  return topic.partition_cnt == 0 ? 0 : fewest;
}

Result<Bounds> KafkaInspector::bounds(std::int32_t partition, Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  Bounds bounds;
  // Not rd_kafka_query_watermark_offsets(): 2.0.2's waits for ever when the broker goes away meanwhile.
  auto code = impl_->ask_offset(partition, RD_KAFKA_OFFSET_BEGINNING, timeout, bounds.first);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    code = impl_->ask_offset(partition, RD_KAFKA_OFFSET_END, timeout, bounds.end);
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(impl_->unanswered(
        kafka_error(code, fmt::format("the end of partition {} of {}", partition, impl_->topic_name))));
  }
  return bounds;
}

Result<std::int64_t> KafkaInspector::offset_at(std::int32_t partition, std::int64_t time_us, Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  // Kafka's times are milliseconds: up, so that nothing older is found.
  const std::int64_t time_ms = time_us <= 0 ? 0 : time_us / 1000 + (time_us % 1000 != 0 ? 1 : 0);
  std::int64_t found = 0;
  auto code = impl_->ask_offset(partition, time_ms, timeout, found);
  // All are older: librdkafka says RD_KAFKA_OFFSET_END.
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && found < 0) {
    code = impl_->ask_offset(partition, RD_KAFKA_OFFSET_END, timeout, found);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return found;
  return fail(
      impl_->unanswered(kafka_error(code, fmt::format("a time in partition {} of {}", partition, impl_->topic_name))));
}

Result<std::vector<LogRecord>> KafkaInspector::read(std::int32_t partition, std::int64_t from, std::int64_t end,
                                                    Timeout timeout, std::size_t enough_bytes) {
  if (from >= end) return std::vector<LogRecord>();
  const std::lock_guard lock(impl_->mutex);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  if (rd_kafka_consume_start(impl_->topic.get(), partition, from) != 0) {
    return fail(kafka_error(rd_kafka_last_error(), "reading " + impl_->topic_name));
  }
  auto found = impl_->consume(partition, end, deadline, enough_bytes);
  rd_kafka_consume_stop(impl_->topic.get(), partition);
  return found;
}

Result<std::map<std::string, std::string>> KafkaInspector::settings(Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  auto options = impl_->admin_options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout);
  if (!options) return fail(options.error());
  const KafkaQueue queue(rd_kafka_queue_new(impl_->client.get()));
  const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, impl_->topic_name.c_str()));
  rd_kafka_ConfigResource_t* asked = resource.get();
  rd_kafka_DescribeConfigs(impl_->client.get(), &asked, 1, options->get(), queue.get());
  const std::string what = "the settings of topic " + impl_->topic_name;
  auto event = impl_->answer(queue, timeout, what);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const auto* resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return fail(ErrorCode::internal, what + ": no answer about it");
  if (const auto code = rd_kafka_ConfigResource_error(resources[0]); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(kafka_error(code, what));
  }
  const auto* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  std::map<std::string, std::string> settings;
  for (std::size_t at = 0; at < count; ++at) {
    const char* value = rd_kafka_ConfigEntry_value(entries[at]);
    settings[rd_kafka_ConfigEntry_name(entries[at])] = value == nullptr ? "" : value;
  }
  return settings;
}

Result<void> KafkaInspector::create(std::int32_t partitions, std::int32_t replication,
                                    const std::map<std::string, std::string>& settings, Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  std::array<char, kWords> words{};
  const NewTopic topic(
      rd_kafka_NewTopic_new(impl_->topic_name.c_str(), partitions, replication, words.data(), words.size()));
  if (topic == nullptr) return fail(ErrorCode::invalid_argument, words.data());
  for (const auto& [name, value] : settings) rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  auto options = impl_->admin_options(RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  if (!options) return fail(options.error());
  const KafkaQueue queue(rd_kafka_queue_new(impl_->client.get()));
  rd_kafka_NewTopic_t* wanted = topic.get();
  rd_kafka_CreateTopics(impl_->client.get(), &wanted, 1, options->get(), queue.get());
  const std::string what = "making topic " + impl_->topic_name;
  auto event = impl_->answer(queue, timeout, what);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const auto* topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  if (count != 1) return fail(ErrorCode::internal, what + ": no answer about it");
  const auto code = rd_kafka_topic_result_error(topics[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return fail(ErrorCode::already_exists, what + ": there is one");
  const char* said = rd_kafka_topic_result_error_string(topics[0]);
  auto error = kafka_error(code, what);
  if (said != nullptr) error.message += fmt::format(" ({})", said);
  if (error.code == ErrorCode::unavailable && code > 0) error.code = ErrorCode::failed_precondition;
  return fail(std::move(error));
}

}  // namespace solo::producers
