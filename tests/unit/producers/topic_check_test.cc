#include "producers/topic_check.h"

#include <gtest/gtest.h>

namespace solo::producers {
namespace {

using Settings = std::map<std::string, std::string>;

std::vector<std::string> names_of(const std::vector<TopicFault>& faults) {
  std::vector<std::string> names;
  for (const auto& fault : faults) names.push_back(fault.setting);
  return names;
}
using Names = std::vector<std::string>;

TEST(TopicCheck, FindsNothingInWhatANewTopicIsMadeWith) {
  EXPECT_TRUE(find_topic_faults(log_topic_settings()).empty());
  EXPECT_TRUE(check_topic_settings("t", log_topic_settings()).has_value());
}

TEST(TopicCheck, CountsWhatIsNotNamedAsKafkasDefaultWhichDeletes) {
  EXPECT_EQ(names_of(find_topic_faults({})), Names{"retention.ms"});
}

TEST(TopicCheck, RefusesCompactionWithOrWithoutDeletion) {
  EXPECT_EQ(names_of(find_topic_faults({{"cleanup.policy", "compact"}})), Names{"cleanup.policy"});
  EXPECT_EQ(names_of(find_topic_faults({{"cleanup.policy", "compact,delete"}, {"retention.ms", "-1"}})),
            Names{"cleanup.policy"});
}

TEST(TopicCheck, TakesATopicThatDeletesNothingWhateverItsLimits) {
  EXPECT_TRUE(find_topic_faults({{"cleanup.policy", ""}, {"retention.ms", "60000"}}).empty());
}

TEST(TopicCheck, RefusesALeaderThatMayLackAcknowledgedRecords) {
  Settings settings = log_topic_settings();
  settings["unclean.leader.election.enable"] = "true";
  EXPECT_EQ(names_of(find_topic_faults(settings)), Names{"unclean.leader.election.enable"});
}

TEST(TopicCheck, RefusesATopicThatTurnsAFullBatchAway) {
  Settings settings = log_topic_settings();
  for (const char* value : {"4000", "900000", "1000000"}) {
    settings["max.message.bytes"] = value;
    EXPECT_EQ(names_of(find_topic_faults(settings)), Names{"max.message.bytes"}) << value;
  }
  EXPECT_EQ(find_topic_faults(settings)[0].wanted, "1048588");
  for (const char* value : {"1048588", "10000000"}) {
    settings["max.message.bytes"] = value;
    EXPECT_TRUE(find_topic_faults(settings).empty()) << value;
  }
}

TEST(TopicCheck, NamesEachFaultAndOneCommandThatMendsThemAll) {
  const auto checked = check_topic_settings("t.events", {{"retention.ms", "1"}, {"retention.bytes", "2"}});
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, schemas::ErrorCode::failed_precondition);
  EXPECT_NE(checked.error().message.find("retention.ms=1, retention.bytes=2"), std::string::npos);
  EXPECT_EQ(checked.error().hint,
            "kafka-configs.sh --alter --topic t.events --add-config retention.ms=-1,retention.bytes=-1");
}

TEST(TopicCheck, FindsThatMoreReplicasMustAgreeThanThereAre) {
  const auto faults = find_replication_faults({{"min.insync.replicas", "3"}}, 2);
  ASSERT_EQ(names_of(faults), Names{"min.insync.replicas"});
  EXPECT_EQ(faults[0].wanted, "1");
  EXPECT_TRUE(find_replication_faults({{"min.insync.replicas", "2"}}, 2).empty());
}

TEST(TopicCheck, AdvisesWhereOneMachineAloneMayHoldWhatWasAcknowledged) {
  EXPECT_EQ(advise_on_topic({}, 1).size(), 1U);
  EXPECT_EQ(advise_on_topic({}, 3).size(), 1U);
  EXPECT_TRUE(advise_on_topic({{"min.insync.replicas", "2"}}, 3).empty());
  EXPECT_EQ(advise_on_topic({{"min.insync.replicas", "3"}}, 3).size(), 1U);
}

TEST(TopicCheck, RefusesAnotherPartitionCountThanGenesisHas) {
  EXPECT_TRUE(check_partition_count("t", 3, 3).has_value());
  EXPECT_FALSE(check_partition_count("t", 3, 4).has_value());
}

}  // namespace
}  // namespace solo::producers
