#include "producers/kafka_client.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaDelete<rd_kafka_conf_destroy>>;

/// The log's promises rest on these, or the writers and readers do.
constexpr std::array<std::string_view, 33> kOwnSettings{"acks",
                                                        "allow.auto.create.topics",
                                                        "auto.commit.enable",
                                                        "auto.offset.reset",
                                                        "bootstrap.servers",
                                                        "check.crcs",
                                                        "delivery.report.only.error",
                                                        "delivery.timeout.ms",
                                                        "enable.auto.commit",
                                                        "enable.auto.offset.store",
                                                        "enable.gapless.guarantee",
                                                        "enable.idempotence",
                                                        "enable.partition.eof",
                                                        "enabled_events",
                                                        "internal.termination.signal",
                                                        "isolation.level",
                                                        "log.queue",
                                                        "max.in.flight",
                                                        "max.in.flight.requests.per.connection",
                                                        "message.max.bytes",
                                                        "message.send.max.retries",
                                                        "message.timeout.ms",
                                                        "metadata.broker.list",
                                                        "offset.store.method",
                                                        "partitioner",
                                                        "plugin.library.paths",
                                                        "queuing.strategy",
                                                        "request.required.acks",
                                                        "retries",
                                                        "test.mock.broker.rtt",
                                                        "test.mock.num.brokers",
                                                        "topic.blacklist",
                                                        "transactional.id"};

const KafkaSettings& common_settings() {
  static const KafkaSettings settings{
      {"allow.auto.create.topics", "false"},
      {"client.id", "solo"},
      {"reconnect.backoff.ms", "20"},
      {"reconnect.backoff.max.ms", "250"},
      {"retry.backoff.ms", "50"},
      {"socket.connection.setup.timeout.ms", "3000"},
      {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},
      {"socket.timeout.ms", "10000"},
      {"topic.metadata.refresh.fast.interval.ms", "100"},
      // An error is told by what it does, in the log's own words.
      {"log.connection.close", "true"},
  };
  return settings;
}

KafkaSettings settings_of(const KafkaOptions& options, KafkaRole role) {
  KafkaSettings settings = common_settings();
  if (role == KafkaRole::commands || role == KafkaRole::observations) {
    for (const auto* name :
         {"allow.auto.create.topics", "retry.backoff.ms", "topic.metadata.refresh.fast.interval.ms"}) {
      settings.erase(name);
    }
    settings.insert({{"acks", "all"},
                     {"enable.idempotence", "true"},
                     {"partitioner", "murmur2"},
                     {"linger.ms", "0"},
                     {"message.max.bytes", std::to_string(kLargestKafkaBatch)},
                     {"queue.buffering.max.messages", "1000000"},
                     {"request.timeout.ms", "5000"},
                     // What a topic did not take is sent again only after it was asked whether the topic is there: one
                     // that was deleted may be made anew meanwhile, as another.
                     {"retry.backoff.ms", "100"},
                     {"topic.metadata.refresh.fast.interval.ms", "10"},
                     {"topic.metadata.propagation.max.ms", "5000"}});
    const auto timeout = role == KafkaRole::commands ? options.delivery_timeout.count() : 0;
    settings["message.timeout.ms"] = std::to_string(timeout);
  } else {
    settings.insert({{"auto.offset.reset", "error"},
                     {"check.crcs", "true"},
                     {"enable.auto.commit", "false"},
                     {"enable.auto.offset.store", "false"},
                     {"enable.partition.eof", "true"},
                     {"fetch.error.backoff.ms", "50"},
                     {"isolation.level", "read_uncommitted"}});
    if (role == KafkaRole::inspector) {
      settings["socket.timeout.ms"] = "1200";
      // A fetch that waits for records holds up every question behind it on the connection.
      settings["fetch.wait.max.ms"] = "1";
    }
  }
  return settings;
}

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> words{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), words.data(), words.size()) == RD_KAFKA_CONF_OK) return {};
  if (is_kafka_secret(name)) return fail(ErrorCode::invalid_argument, fmt::format("Kafka refuses this {}", name));
  return fail(ErrorCode::invalid_argument, fmt::format("Kafka setting {}: {}", name, words.data()));
}

void to_daemon_log(const rd_kafka_t*, int level, const char* facility, const char* words) {
  // A broker that is away is said once, by the log's condition; librdkafka says it for each connection and try. So it
  // is with a producer that fails: its writer says why.
  const bool said_by_writer = std::string_view(facility) == "FATAL";
  spdlog::log(level <= 2 && !said_by_writer ? spdlog::level::err : spdlog::level::debug, "librdkafka: {}: {}", facility,
              words);
}

void to_listener(rd_kafka_t*, int code, const char* words, void* opaque) {
  const auto* listener = static_cast<const KafkaErrorListener*>(opaque);
  if (listener == nullptr || !*listener) return;
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  (*listener)(error, words != nullptr ? words : rd_kafka_err2str(error));
}

bool is_producer(KafkaRole role) { return role == KafkaRole::commands || role == KafkaRole::observations; }

}  // namespace

std::string events_topic(const std::string& cluster) { return cluster + ".events"; }

bool is_kafka_secret(const std::string& name) {
  constexpr std::array<std::string_view, 6> kSigns{"password",           "secret",    ".pem",
                                                   "oauthbearer.config", "sasl.jaas", "_key"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return name.find(sign) != std::string::npos; });
}

Result<void> check_kafka_property(const std::string& name, const std::string& value) {
  if (std::find(kOwnSettings.begin(), kOwnSettings.end(), name) != kOwnSettings.end()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("Kafka setting {} is Solo's own: what the log promises rests on it", name));
  }
  // Topics take batches up to a size, of whatever records.
  std::size_t size = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), size);
  if (name == "batch.size" && read.ec == std::errc() && size > kLargestKafkaBatch) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("Kafka setting batch.size: at most {}, which every topic of a log takes", kLargestKafkaBatch));
  }
  const KafkaConf conf(rd_kafka_conf_new());
  return set(conf.get(), name, value);
}

Result<KafkaHandle> make_kafka_client(const KafkaOptions& options, KafkaRole role, const KafkaSettings& extra,
                                      const KafkaErrorListener* on_error) {
  KafkaConf conf(rd_kafka_conf_new());
  KafkaSettings settings = settings_of(options, role);
  for (const auto& [name, value] : options.properties) {
    if (auto good = check_kafka_property(name, value); !good) return fail(good.error());
    settings[name] = value;
  }
  for (const auto& [name, value] : extra) settings[name] = value;
  settings["bootstrap.servers"] = options.bootstrap;
  for (const auto& [name, value] : settings) {
    if (auto done = set(conf.get(), name, value); !done) return fail(done.error());
  }
  rd_kafka_conf_set_log_cb(conf.get(), to_daemon_log);
  if (is_producer(role))
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
  // librdkafka hands the pointer back as it is; nothing is written through it.
  rd_kafka_conf_set_opaque(conf.get(), const_cast<KafkaErrorListener*>(on_error));
  if (!is_producer(role)) rd_kafka_conf_set_error_cb(conf.get(), to_listener);
  std::array<char, 512> words{};
  KafkaHandle handle(
      rd_kafka_new(is_producer(role) ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf.get(), words.data(), words.size()));
  if (handle == nullptr) return fail(ErrorCode::invalid_argument, fmt::format("Kafka client: {}", words.data()));
  (void)conf.release();  // the client owns it now
  return handle;
}

void wake_fetch(rd_kafka_t* consumer, const std::string& topic, const std::vector<std::int32_t>& partitions) {
  constexpr int kLongest = 100;
  const std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDelete<rd_kafka_topic_partition_list_destroy>> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_END;
  }
  rd_kafka_offsets_for_times(consumer, list.get(), kLongest);
}

Error kafka_error(rd_kafka_resp_err_t code, const std::string& context) {
  const std::string message = fmt::format("{}: {}", context, rd_kafka_err2str(code));
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return {ErrorCode::permission_denied, message,
              "the broker's ACLs must allow this user READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on the topic"};
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {ErrorCode::permission_denied, message, "the broker's ACLs must allow this user that on the cluster"};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return {ErrorCode::permission_denied, message, "look at [log.kafka.properties] and the broker's ACLs"};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return {ErrorCode::invalid_argument, message};
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return {ErrorCode::not_found, message};
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return {ErrorCode::resource_exhausted, message, "try again in a moment", true};
    default:
      return {ErrorCode::unavailable, message, "", true};
  }
}

bool is_gone(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

}  // namespace solo::producers
