// solo topic create
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/kafka_access.h"
#include "producers/audit_topic.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/kafka_topic.h"

namespace solo::ops {
namespace {

using schemas::Result;

constexpr std::chrono::milliseconds kAnswer{10'000};
/// From here on one replica may be away, and an acknowledged record is still on two.
constexpr std::uint32_t kReplicationWithSpare = 3;

class TopicCreate final : public Command {
 public:
  bool is_local() const override { return true; }
  Page page() override;
  int run(Session& session) override;

 private:
  producers::NewKafkaTopic wanted(std::int32_t existing) const;
  Result<void> make_audit(const producers::KafkaOptions& kafka, std::int32_t replication) const;

  KafkaAccess access_;
  std::optional<std::uint32_t> partitions_;
  std::optional<std::uint32_t> replication_;
  std::optional<std::uint32_t> min_insync_;
  std::optional<std::uint32_t> audit_days_;
};

Page TopicCreate::page() {
  Page page{
      .summary = "make the Kafka topic of a log",
      .synopsis = {"--kafka HOST:PORT [OPTION...]"},
      .description =
          "Makes the topic NAME.events with infinite retention, without compaction and with room for the largest "
          "event, and writes the record that "
          "names the log to the beginning of each partition; and the topic NAME.audit for the audit of tokens, whose "
          "old records go. Run again it finishes what was left half done, and "
          "changes nothing that is there. The number of partitions never changes afterwards.",
      .options = access_.options(),
      .exit_status = {{"0", "The topic is there and complete."},
                      {"1", "There is a topic of that name that is not this log's or would lose events."},
                      {"2", "Wrongly asked."},
                      {"3", "Kafka could not be reached, or could not do it."}},
      .examples = {{"For trying", "solo topic create --kafka 127.0.0.1:9092"},
                   {"On three brokers, tenants over eight partitions",
                    "solo topic create --kafka b1:9092,b2:9092 --partitions 8 --replication 3"}}};
  page.options.push_back({"--partitions", "N", "Default: 1, or what is there.", &partitions_});
  page.options.push_back({"--replication", "N", "On how many brokers each record is kept. Default: 1.", &replication_});
  page.options.push_back({"--min-insync", "N",
                          "How many of them must have a record before it is acknowledged. Default: 2 from a "
                          "replication of 3 on, else 1.",
                          &min_insync_});
  page.options.push_back({"--audit-retention", "DAYS", "How long the audit is kept. Default: 30.", &audit_days_});
  return page;
}

producers::NewKafkaTopic TopicCreate::wanted(std::int32_t existing) const {
  producers::NewKafkaTopic topic;
  topic.partitions = partitions_ ? static_cast<std::int32_t>(*partitions_) : std::max(existing, 1);
  const std::uint32_t replication = replication_.value_or(1);
  topic.replication = static_cast<std::int32_t>(replication);
  topic.min_insync_replicas =
      static_cast<std::int32_t>(min_insync_.value_or(replication < kReplicationWithSpare ? 1 : 2));
  return topic;
}

Result<void> TopicCreate::make_audit(const producers::KafkaOptions& kafka, std::int32_t replication) const {
  auto inspector = producers::KafkaInspector::start(kafka, producers::audit_topic(kafka.cluster));
  if (!inspector) return schemas::fail(inspector.error());
  const auto retention =
      audit_days_ ? std::chrono::hours(24) * static_cast<int>(*audit_days_) : producers::kAuditRetention;
  const auto made = producers::make_audit_topic(**inspector, replication, retention);
  return made ? Result<void>() : schemas::fail(made.error());
}

int TopicCreate::run(Session& session) {
  const auto kafka = access_.kafka();
  if (!kafka) return session.fail(kafka.error());
  if (partitions_ == 0U || replication_ == 0U || min_insync_ == 0U || audit_days_ == 0U) {
    return session.fail({schemas::ErrorCode::invalid_argument,
                         "--partitions, --replication, --min-insync and --audit-retention begin at 1"});
  }
  if (min_insync_ > replication_.value_or(1)) {
    return session.fail({schemas::ErrorCode::invalid_argument,
                         "--min-insync is greater than --replication: there are never so many copies of a record"});
  }
  auto inspector = producers::KafkaInspector::start(*kafka);
  if (!inspector) return session.fail(inspector.error());
  session.progress("asking Kafka at " + kafka->bootstrap);
  const auto existing = (*inspector)->partitions(kAnswer);
  if (!existing && existing.error().code != schemas::ErrorCode::not_found) return session.fail(existing.error());
  const auto topic = wanted(existing.value_or(0));
  producers::SystemEntropy entropy;
  if (auto made = make_audit(*kafka, topic.replication); !made) return session.fail(made.error());
  const auto genesis = producers::make_kafka_topic(*kafka, topic, producers::SystemClock(), entropy, **inspector);
  if (!genesis) return session.fail(genesis.error());
  if (session.json()) {
    session.print_json(nlohmann::ordered_json{{"topic", (*inspector)->topic()},
                                              {"log", genesis->log_uuid},
                                              {"partitions", genesis->partitions},
                                              {"audit", producers::audit_topic(kafka->cluster)},
                                              {"existed", existing.has_value()}}
                           .dump());
  } else {
    session.print(fmt::format("{}: log {}, {} partition{}\n", (*inspector)->topic(), genesis->log_uuid,
                              genesis->partitions, genesis->partitions == 1 ? "" : "s"));
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_topic_create() { return std::make_unique<TopicCreate>(); }

}  // namespace solo::ops
