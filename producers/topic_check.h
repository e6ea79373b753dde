// May this topic be a log? Settings that would lose events, or turn large ones away, are refused, here for `solod` and
// `solo topic check` alike. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "schemas/result.h"

namespace solo::producers {

/// One thing that is wrong with a topic, and the words that mend it.
struct TopicFault {
  /// Kafka's name of the setting.
  std::string setting;
  std::string value;
  std::string wanted;
};

/// What a new topic of a log is made with: infinite retention, no compaction, room for the largest event.
std::map<std::string, std::string> log_topic_settings();

/// Those settings of a topic that would lose events or turn them away; a setting that is not named counts as Kafka's
/// default.
std::vector<TopicFault> find_topic_faults(const std::map<std::string, std::string>& settings);

/// The same for settings that go with how many copies there are: more are asked for than there can ever be. Older
/// brokers write nothing then, newer ones take the smaller number.
std::vector<TopicFault> find_replication_faults(const std::map<std::string, std::string>& settings,
                                                std::int32_t replication);

/// What is no fault but promises less than it could, a sentence each.
std::vector<std::string> advise_on_topic(const std::map<std::string, std::string>& settings, std::int32_t replication);

/// min.insync.replicas of these settings.
std::int32_t min_insync_replicas(const std::map<std::string, std::string>& settings);

/// The command that mends the faults.
std::string mending_command(const std::string& topic, const std::vector<TopicFault>& faults);

/// failed_precondition: names each fault of the topic and how to mend it.
schemas::Result<void> check_topic_settings(const std::string& topic,
                                           const std::map<std::string, std::string>& settings);

/// failed_precondition: nobody knows whether it keeps every event. `why`: what the broker said when it was asked.
schemas::Error unseen_settings_error(const std::string& topic, const schemas::Error& why);

/// failed_precondition: the partition count is not what genesis says; it never changes.
schemas::Result<void> check_partition_count(const std::string& topic, std::int32_t at_genesis, std::int32_t now);

}  // namespace solo::producers
