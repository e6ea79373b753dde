#include "producers/kafka_inspector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "producers/kafka_client.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDelete<rd_kafka_AdminOptions_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDelete<rd_kafka_NewTopic_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDelete<rd_kafka_ConfigResource_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDelete<rd_kafka_topic_partition_list_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, KafkaDelete<rd_kafka_metadata_destroy>>;

constexpr std::size_t kWords = 512;
/// Milliseconds of waiting for a record, before the fetch is woken again.
constexpr int kLook = 5;
/// Bytes; librdkafka's own is 1 MiB.
constexpr const char* kLittle = "16384";

LogRecord record_of(const rd_kafka_message_t& message) {
  LogRecord record;
  record.position = {message.partition, message.offset};
  record.timestamp = rd_kafka_message_timestamp(&message, nullptr) * 1000;
  record.key.assign(static_cast<const char*>(message.key), message.key_len);
  record.value.assign(static_cast<const char*>(message.payload), message.len);
  return record;
}

Error offsets_error(rd_kafka_resp_err_t code, const std::string& what) {
  auto error = kafka_error(code, what);
  if (code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE) {
    // KIP-207: a new leader tells no end before its followers have confirmed it.
    error.message +=
        " (the partition has no leader; or a new one, and fewer replicas have caught up with it than "
        "min.insync.replicas asks for)";
    error.hint = "the broker answers, others of the cluster are missing: start them";
  }
  return error;
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

  /// What the brokers find for `which`, a time in milliseconds or one of librdkafka's special offsets, of the
  /// partitions from `first` on: one question to each leader. Not rd_kafka_query_watermark_offsets(): 2.0.2's waits for
  /// ever when the broker goes away meanwhile, and asks for one partition.
  Result<std::vector<std::int64_t>> ask_offsets(std::int32_t first, std::int32_t count, std::int64_t which,
                                                Timeout timeout, std::string_view what) {
    const Partitions list(rd_kafka_topic_partition_list_new(count));
    for (std::int32_t partition = first; partition < first + count; ++partition) {
      rd_kafka_topic_partition_list_add(list.get(), topic_name.c_str(), partition)->offset = which;
    }
    const auto code = rd_kafka_offsets_for_times(client.get(), list.get(), static_cast<int>(timeout.count()));
    rd_kafka_poll(client.get(), 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) answered();
    std::vector<std::int64_t> answers;
    for (std::int32_t partition = first; partition < first + count; ++partition) {
      // By its number: librdkafka sorts the list.
      const auto* asked = rd_kafka_topic_partition_list_find(list.get(), topic_name.c_str(), partition);
      const auto problem = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : asked->err;
      if (problem != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(
            unanswered(offsets_error(problem, fmt::format("{} of partition {} of {}", what, partition, topic_name))));
      }
      answers.push_back(asked->offset);
    }
    return answers;
  }

  Result<std::vector<Bounds>> bounds(std::int32_t first, std::int32_t count, Timeout timeout) {
    const auto begins = ask_offsets(first, count, RD_KAFKA_OFFSET_BEGINNING, timeout, "the beginning");
    if (!begins) return fail(begins.error());
    const auto ends = ask_offsets(first, count, RD_KAFKA_OFFSET_END, timeout, "the end");
    if (!ends) return fail(ends.error());
    std::vector<Bounds> found;
    for (std::size_t at = 0; at < begins->size(); ++at) found.push_back({(*begins)[at], (*ends)[at]});
    return found;
  }
};

namespace {

using Records = std::vector<LogRecord>;

/// One reading of several ranges, all through one queue.
class Reading {
 public:
  Reading(rd_kafka_t* client, rd_kafka_topic_t* topic, const std::vector<KafkaInspector::Range>& ranges,
          std::size_t enough_bytes)
      : client_(client), topic_(topic), ranges_(ranges), enough_(enough_bytes), found_(ranges.size()) {
    queue_.reset(rd_kafka_queue_new(client));
  }
  ~Reading() {
    for (const auto& [partition, at] : open_) rd_kafka_consume_stop(topic_, partition);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  Result<std::vector<Records>> run(KafkaInspector::Timeout timeout, const KafkaInspector::Waiting& waiting) {
    for (std::size_t at = 0; at < ranges_.size(); ++at) {
      const auto& range = ranges_[at];
      if (range.from >= range.end) continue;
      if (rd_kafka_consume_start_queue(topic_, range.partition, range.from, queue_.get()) != 0) {
        return fail(kafka_error(rd_kafka_last_error(), where(range.partition)));
      }
      open_[range.partition] = at;
    }
    auto deadline = SteadyClock::now() + timeout;
    while (!open_.empty() && bytes_ < enough_) {
      const KafkaMessage message(rd_kafka_consume_queue(queue_.get(), kLook));
      // Errors of connections come without a message, through the client's own queue.
      rd_kafka_poll(client_, 0);
      if (waiting) waiting();
      if (message != nullptr) {
        deadline = SteadyClock::now() + timeout;
        if (auto taken = take(*message); !taken) return fail(taken.error());
      } else if (SteadyClock::now() < deadline) {
        wake();
      } else {
        return fail(ErrorCode::unavailable, where(open_.begin()->first) + ": no answer in time", "", true);
      }
    }
    return std::move(found_);
  }

 private:
  std::string where(std::int32_t partition) const {
    return fmt::format("reading partition {} of {}", partition, rd_kafka_topic_name(topic_));
  }

  void wake() {
    std::vector<std::int32_t> waited_for;
    for (const auto& [partition, at] : open_) waited_for.push_back(partition);
    wake_fetch(client_, rd_kafka_topic_name(topic_), waited_for);
  }

  void close(std::int32_t partition) {
    rd_kafka_consume_stop(topic_, partition);
    open_.erase(partition);
  }

  Result<void> take(const rd_kafka_message_t& message) {
    const auto open = open_.find(message.partition);
    // Of one that was closed.
    if (open == open_.end()) return {};
    const auto at = open->second;
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      close(message.partition);
      return {};
    }
    if (message.err == RD_KAFKA_RESP_ERR__BAD_MSG) {
      return fail(ErrorCode::data_loss, fmt::format("{} partition {}: {}", rd_kafka_topic_name(topic_),
                                                    message.partition, rd_kafka_message_errstr(&message)));
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(kafka_error(message.err, where(message.partition)));
    const auto end = ranges_[at].end;
    if (message.offset < end) {
      found_[at].push_back(record_of(message));
      bytes_ += message.key_len + message.len;
    }
    if (message.offset + 1 >= end) close(message.partition);
    return {};
  }

  rd_kafka_t* client_;
  rd_kafka_topic_t* topic_;
  const std::vector<KafkaInspector::Range>& ranges_;
  const std::size_t enough_;
  std::size_t bytes_ = 0;
  std::vector<Records> found_;
  KafkaQueue queue_;
  /// Partitions that are being read, and which range of each.
  std::map<std::int32_t, std::size_t> open_;
};

}  // namespace

KafkaInspector::KafkaInspector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaInspector::~KafkaInspector() = default;

Result<std::unique_ptr<KafkaInspector>> KafkaInspector::start(const KafkaOptions& options, const std::string& topic,
                                                              Fetch fetch) {
  auto impl = std::make_unique<Impl>();
  impl->topic_name = topic.empty() ? events_topic(options.cluster) : topic;
  auto client = make_kafka_client(
      options, KafkaRole::inspector,
      fetch == Fetch::little ? KafkaSettings{{"fetch.message.max.bytes", kLittle}} : KafkaSettings(), &impl->on_error);
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
  const auto found = impl_->bounds(partition, 1, timeout);
  if (!found) return fail(found.error());
  return found->front();
}

Result<std::vector<Bounds>> KafkaInspector::all_bounds(std::int32_t count, Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->bounds(0, count, timeout);
}

Result<std::int64_t> KafkaInspector::offset_at(std::int32_t partition, std::int64_t time_us, Timeout timeout) {
  const std::lock_guard lock(impl_->mutex);
  // Kafka's times are milliseconds: up, so that nothing older is found.
  const std::int64_t time_ms = time_us <= 0 ? 0 : time_us / 1000 + (time_us % 1000 != 0 ? 1 : 0);
  auto found = impl_->ask_offsets(partition, 1, time_ms, timeout, "a time");
  // All are older: librdkafka says RD_KAFKA_OFFSET_END.
  if (found && found->front() < 0) found = impl_->ask_offsets(partition, 1, RD_KAFKA_OFFSET_END, timeout, "the end");
  if (!found) return fail(found.error());
  return found->front();
}

Result<Records> KafkaInspector::read(std::int32_t partition, std::int64_t from, std::int64_t end, Timeout timeout,
                                     std::size_t enough_bytes) {
  auto found = read_each({{partition, from, end}}, timeout, enough_bytes);
  if (!found) return fail(found.error());
  return std::move(found->front());
}

Result<std::vector<Records>> KafkaInspector::read_each(const std::vector<Range>& ranges, Timeout timeout,
                                                       std::size_t enough_bytes, const Waiting& waiting) {
  const std::lock_guard lock(impl_->mutex);
  auto found = Reading(impl_->client.get(), impl_->topic.get(), ranges, enough_bytes).run(timeout, waiting);
  if (!found) return fail(impl_->unanswered(found.error()));
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
