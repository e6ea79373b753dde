#include "producers/kafka_topic.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "producers/genesis.h"
#include "producers/kafka_client.h"
#include "producers/topic_check.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using std::chrono::milliseconds;

constexpr milliseconds kAnswer{10'000};
constexpr milliseconds kAgain{100};
constexpr milliseconds kMourning{300};
/// How long the leaders of a topic that was just made may take to know that they are.
constexpr milliseconds kSettling{60'000};

using SteadyTime = std::chrono::steady_clock::time_point;

/// Asks again while the answer is "not now", until the deadline.
template <class Ask>
auto patiently(SteadyTime deadline, Ask ask) {
  for (;;) {
    auto answer = ask();
    if (answer || answer.error().code != ErrorCode::unavailable) return answer;
    if (std::chrono::steady_clock::now() > deadline) return answer;
    // Asking is not free of charge for the broker: a pause, not luck; the deadline ends it.
    std::this_thread::sleep_for(kAgain);
  }
}

/// The record at offset 0, if there is one, and what else the partition has. Nothing: the partition is empty.
Result<std::optional<Genesis>> genesis_in(const std::string& topic, std::int32_t partition, const Bounds& bounds,
                                          const std::vector<schemas::LogRecord>& records) {
  const std::string where = fmt::format("partition {} of topic {}", partition, topic);
  if (bounds.first > 0) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("{} begins at offset {}: its first records were deleted", where, bounds.first),
                "a log is kept from its beginning: restore the topic from a copy");
  }
  if (bounds.end == 0) return std::optional<Genesis>();
  if (records.empty()) {
    return fail(ErrorCode::failed_precondition, where + " is not a Solo log: offset 0 holds no record");
  }
  auto genesis = decode_genesis(records.front().value);
  if (genesis) return std::optional<Genesis>(*std::move(genesis));
  auto error = genesis.error();
  error.message = where + ": " + error.message;
  if (error.hint.empty()) {
    error.hint =
        "records of another program came first, perhaps of a solod that ran on while the topic was made anew: stop "
        "whatever writes to it, delete the topic, and run solo topic create again";
  }
  return fail(std::move(error));
}

KafkaInspector::Range beginning_of(std::int32_t partition, const Bounds& bounds) {
  return {partition, 0, bounds.first == 0 && bounds.end > 0 ? 1 : 0};
}

Result<std::optional<Genesis>> genesis_of(KafkaInspector& inspector, std::int32_t partition, milliseconds timeout) {
  const auto bounds = inspector.bounds(partition, timeout);
  if (!bounds) return fail(bounds.error());
  const auto records = inspector.read_each({beginning_of(partition, *bounds)}, timeout);
  if (!records) return fail(records.error());
  return genesis_in(inspector.topic(), partition, *bounds, records->front());
}

/// Appends one record and waits for it. Somebody else may have been first: whoever reads offset 0 sees.
Result<void> put_genesis(rd_kafka_t* client, const std::string& topic, const Genesis& genesis, std::int32_t partition,
                         std::int64_t time_us) {
  const std::string value = encode_genesis(genesis, partition, time_us);
  const auto sent = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                      RD_KAFKA_V_KEY(kGenesisKey.data(), kGenesisKey.size()),
                                      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(kafka_error(sent, "writing the genesis"));
  const KafkaQueue queue(rd_kafka_queue_get_main(client));
  const auto deadline = std::chrono::steady_clock::now() + 2 * kAnswer;
  while (std::chrono::steady_clock::now() < deadline) {
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kAgain.count())));
    if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    const auto* message = rd_kafka_event_message_next(event.get());
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return fail(kafka_error(message->err, "writing the genesis"));
  }
  return fail(ErrorCode::unavailable, "writing the genesis: no answer in time", "", true);
}

/// What is there, or what is there after it was written.
Result<Genesis> finish_partition(rd_kafka_t* client, const Genesis& genesis, std::int32_t partition, const Clock& clock,
                                 KafkaInspector& inspector) {
  auto there = genesis_of(inspector, partition, kAnswer);
  if (!there) return fail(there.error());
  if (!*there) {
    if (auto put = put_genesis(client, inspector.topic(), genesis, partition, clock.wall_us()); !put) {
      return fail(put.error());
    }
    there = genesis_of(inspector, partition, kAnswer);
    if (!there) return fail(there.error());
    if (!*there) return fail(ErrorCode::internal, "the genesis was written, and is not there");
  }
  return **std::move(there);
}

/// A topic that was just made may not be known to every broker yet, and each partition's leader takes its time.
Result<std::int32_t> wait_for_partitions(KafkaInspector& inspector) {
  const auto deadline = std::chrono::steady_clock::now() + kSettling;
  auto count = patiently(deadline, [&]() -> Result<std::int32_t> {
    auto partitions = inspector.partitions(kAnswer);
    if (partitions || partitions.error().code != ErrorCode::not_found) return partitions;
    return fail(ErrorCode::unavailable, partitions.error().message, "", true);
  });
  if (count) {
    const auto led = patiently(deadline, [&] { return inspector.all_bounds(*count, kAnswer); });
    if (!led) return fail(led.error());
  }
  return count;
}

struct TopicThere {
  std::int32_t partitions = 0;
  /// Made just now, and so with settings that are known.
  bool made = false;
};

Result<TopicThere> make_topic(const NewKafkaTopic& wanted, KafkaInspector& inspector) {
  const auto existing = inspector.partitions(kAnswer);
  if (existing) return TopicThere{*existing, false};
  if (existing.error().code != ErrorCode::not_found) return fail(existing.error());
  // One of that name may have been deleted just now: whoever was writing to it finds out meanwhile, and writes nothing
  // into the new one.
  std::this_thread::sleep_for(kMourning);
  auto settings = log_topic_settings();
  if (wanted.min_insync_replicas > 0) settings["min.insync.replicas"] = std::to_string(wanted.min_insync_replicas);
  const auto made = inspector.create(wanted.partitions, wanted.replication, settings, kAnswer);
  if (!made && made.error().code != ErrorCode::already_exists) return fail(made.error());
  const auto count = wait_for_partitions(inspector);
  if (!count) return fail(count.error());
  return TopicThere{*count, made.has_value()};
}

}  // namespace

Result<Genesis> make_kafka_topic(const KafkaOptions& options, const NewKafkaTopic& wanted, const Clock& clock,
                                 Entropy& entropy, KafkaInspector& inspector) {
  const auto there = make_topic(wanted, inspector);
  if (!there) return fail(there.error());
  const auto count = there->partitions;
  if (count != wanted.partitions) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("topic {} has {} partitions, not {}", inspector.topic(), count, wanted.partitions));
  }
  if (!there->made) {
    if (auto checked = check_kafka_topic(options, inspector, kAnswer); !checked) return fail(checked.error());
  }
  const auto client = make_kafka_client(options, KafkaRole::commands, {{"message.timeout.ms", "10000"}});
  if (!client) return fail(client.error());
  const auto deadline = std::chrono::steady_clock::now() + kSettling;
  Genesis proposed;
  proposed.log_uuid = entropy.uuid();
  proposed.partitions = count;
  for (std::int32_t partition = 0; partition < count; ++partition) {
    auto genesis =
        patiently(deadline, [&] { return finish_partition(client->get(), proposed, partition, clock, inspector); });
    if (!genesis) return genesis;
    if (partition > 0) continue;
    proposed = *genesis;
    // Nothing is written into partitions that were added later.
    if (auto same = check_partition_count(inspector.topic(), proposed.partitions, count); !same) {
      return fail(same.error());
    }
  }
  return patiently(deadline, [&] { return read_kafka_genesis(inspector, kAnswer); });
}

Result<KafkaBeginning> read_kafka_beginning(KafkaInspector& inspector, milliseconds timeout, std::int32_t most,
                                            const KafkaInspector::Waiting& waiting) {
  const auto count = inspector.partitions(timeout);
  if (!count) return fail(count.error());
  if (*count < 1) return fail(ErrorCode::unavailable, "Kafka: a topic without partitions", "", true);
  if (waiting) waiting();
  auto bounds = inspector.all_bounds(*count, timeout);
  if (!bounds) return fail(bounds.error());
  std::vector<KafkaInspector::Range> ranges;
  for (std::int32_t partition = 0; partition < std::min(*count, most); ++partition) {
    ranges.push_back(beginning_of(partition, (*bounds)[static_cast<std::size_t>(partition)]));
  }
  const auto records = inspector.read_each(ranges, timeout, std::size_t(-1), waiting);
  if (!records) return fail(records.error());
  std::optional<Genesis> first;
  for (const auto& [partition, from, end] : ranges) {
    const auto at = static_cast<std::size_t>(partition);
    const auto genesis = genesis_in(inspector.topic(), partition, (*bounds)[at], (*records)[at]);
    if (!genesis) return fail(genesis.error());
    if (!*genesis) {
      return fail(ErrorCode::failed_precondition,
                  fmt::format("topic {} is unfinished: partition {} is empty", inspector.topic(), partition),
                  "run solo topic create");
    }
    if (!first) {
      first = **genesis;
      // Before the others: one that was added later is empty.
      if (auto same = check_partition_count(inspector.topic(), first->partitions, *count); !same) {
        return fail(same.error());
      }
    }
    if ((*genesis)->log_uuid != first->log_uuid) {
      return fail(ErrorCode::failed_precondition,
                  fmt::format("topic {} is not one log: partition {} is of log {}, partition 0 of {}",
                              inspector.topic(), partition, (*genesis)->log_uuid, first->log_uuid));
    }
  }
  return KafkaBeginning{*std::move(first), *std::move(bounds)};
}

Result<Genesis> read_kafka_genesis(KafkaInspector& inspector, milliseconds timeout) {
  auto beginning = read_kafka_beginning(inspector, timeout);
  if (!beginning) return fail(beginning.error());
  return std::move(beginning->genesis);
}

Result<void> check_kafka_topic(const KafkaOptions& options, KafkaInspector& inspector, milliseconds timeout) {
  if (!options.check_settings) return {};
  const auto settings = inspector.settings(timeout);
  if (settings) return check_topic_settings(inspector.topic(), *settings);
  const auto code = settings.error().code;
  if (code != ErrorCode::unimplemented && code != ErrorCode::permission_denied) return fail(settings.error());
  if (!options.unchecked) return fail(unseen_settings_error(inspector.topic(), settings.error()));
  spdlog::warn("whether topic {} keeps every event is not checked (log.kafka.unchecked): {}", inspector.topic(),
               settings.error().message);
  return {};
}

}  // namespace solo::producers
