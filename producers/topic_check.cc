#include "producers/topic_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "producers/kafka_options.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr const char* kCleanup = "cleanup.policy";
constexpr const char* kRetentionTime = "retention.ms";
constexpr const char* kRetentionBytes = "retention.bytes";
constexpr const char* kUncleanElection = "unclean.leader.election.enable";
constexpr const char* kMinInsync = "min.insync.replicas";
constexpr const char* kMaxBytes = "max.message.bytes";
constexpr const char* kForEver = "-1";
/// Kafka's default.
constexpr std::int64_t kDefaultMaxBytes = 1'048'588;
/// A producer's fullest batch may be longer than it was told, by what goes around its records.
constexpr std::int64_t kLeastMaxBytes = producers::kLargestKafkaBatch + 1024;

std::string value_of(const std::map<std::string, std::string>& settings, const std::string& name,
                     const std::string& otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : found->second;
}

}  // namespace

std::map<std::string, std::string> log_topic_settings() {
  return {{kCleanup, "delete"},
          {kRetentionTime, kForEver},
          {kRetentionBytes, kForEver},
          // Whatever the broker's own default is.
          {kMaxBytes, std::to_string(kDefaultMaxBytes)}};
}

std::vector<TopicFault> find_topic_faults(const std::map<std::string, std::string>& settings) {
  std::vector<TopicFault> faults;
  // A replica that lacks acknowledged records may not become the leader.
  const std::string unclean = value_of(settings, kUncleanElection, "false");
  if (unclean != "false") faults.push_back({kUncleanElection, unclean, "false"});
  const std::string largest = value_of(settings, kMaxBytes, std::to_string(kDefaultMaxBytes));
  std::int64_t bytes_at_once = 0;
  std::from_chars(largest.data(), largest.data() + largest.size(), bytes_at_once);
  if (bytes_at_once < kLeastMaxBytes) faults.push_back({kMaxBytes, largest, std::to_string(kDefaultMaxBytes)});
  // With `delete` and no limit nothing is ever deleted; an empty policy (Kafka 4.1) deletes nothing either.
  const std::string cleanup = value_of(settings, kCleanup, "delete");
  const bool compacted = cleanup.find("compact") != std::string::npos;
  if (compacted) faults.push_back({kCleanup, cleanup, "delete"});
  if (cleanup.find("delete") == std::string::npos) return faults;
  const std::string time = value_of(settings, kRetentionTime, "604800000");
  if (time != kForEver) faults.push_back({kRetentionTime, time, kForEver});
  const std::string bytes = value_of(settings, kRetentionBytes, kForEver);
  if (bytes != kForEver) faults.push_back({kRetentionBytes, bytes, kForEver});
  return faults;
}

std::int32_t min_insync_replicas(const std::map<std::string, std::string>& settings) {
  const std::string text = value_of(settings, kMinInsync, "1");
  std::int32_t number = 1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<TopicFault> find_replication_faults(const std::map<std::string, std::string>& settings,
                                                std::int32_t replication) {
  const std::int32_t insync = min_insync_replicas(settings);
  if (insync <= replication) return {};
  return {{kMinInsync, std::to_string(insync), std::to_string(replication > 1 ? replication - 1 : 1)}};
}

std::vector<std::string> advise_on_topic(const std::map<std::string, std::string>& settings, std::int32_t replication) {
  std::vector<std::string> advice;
  const std::int32_t insync = min_insync_replicas(settings);
  if (replication == 1) {
    const bool synced = value_of(settings, "flush.messages", "") == "1";
    advice.push_back(fmt::format("replication is 1: what was acknowledged is on one broker's {}",
                                 synced ? "disk and goes with that disk" : "memory and survives no power loss"));
  } else if (insync == 1) {
    advice.push_back(
        fmt::format("{} is 1: while other replicas are behind, what was acknowledged is on one broker "
                    "alone; 2 is safer",
                    kMinInsync));
  } else if (insync == replication) {
    advice.push_back(
        fmt::format("{} is {}, as many as there are: with any broker away nothing can be written", kMinInsync, insync));
  }
  return advice;
}

std::string mending_command(const std::string& topic, const std::vector<TopicFault>& faults) {
  std::vector<std::string> wanted;
  for (const auto& fault : faults) wanted.push_back(fmt::format("{}={}", fault.setting, fault.wanted));
  return fmt::format("kafka-configs.sh --alter --topic {} --add-config {}", topic, fmt::join(wanted, ","));
}

Result<void> check_topic_settings(const std::string& topic, const std::map<std::string, std::string>& settings) {
  const auto faults = find_topic_faults(settings);
  if (faults.empty()) return {};
  std::vector<std::string> found;
  for (const auto& fault : faults) found.push_back(fmt::format("{}={}", fault.setting, fault.value));
  return fail(ErrorCode::failed_precondition,
              fmt::format("topic {} would lose or refuse events: it has {}", topic, fmt::join(found, ", ")),
              mending_command(topic, faults));
}

schemas::Error unseen_settings_error(const std::string& topic, const schemas::Error& why) {
  return {ErrorCode::failed_precondition,
          fmt::format("whether topic {} keeps every event cannot be seen: {}", topic, why.message),
          fmt::format("an ACL of the broker must allow DESCRIBE_CONFIGS on topic {}; or take it as it is, with "
                      "log.kafka.unchecked = true",
                      topic)};
}

Result<void> check_partition_count(const std::string& topic, std::int32_t at_genesis, std::int32_t now) {
  if (at_genesis == now) return {};
  return fail(
      ErrorCode::failed_precondition,
      fmt::format("topic {} has {} partitions and was made with {}: a log's partition count never changes", topic, now,
                  at_genesis),
      fmt::format("other programs would look for tenants in other partitions, and Kafka takes none back: copy the "
                  "first {}, offset by offset, into a topic of {} partitions and start solod on that (log.cluster)",
                  at_genesis, at_genesis));
}

}  // namespace solo::producers
