// The audit in Kafka: the topic CLUSTER.audit, one partition, with a retention of its own; a record's key is its
// tenant.
//
// write() hands records to librdkafka and returns at once; what the broker has not taken within kAuditDelivery is lost
// and counted. A topic that is missing or a broker that is away is a trouble to report, and nothing else waits for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "producers/audit_sink.h"
#include "producers/kafka_inspector.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::producers {

inline constexpr std::chrono::seconds kAuditDelivery{30};
inline constexpr std::chrono::hours kAuditRetention{30 * 24};

/// `<cluster>.audit`.
std::string audit_topic(const std::string& cluster);

/// Makes the topic if it is not there. true: it was made.
schemas::Result<bool> make_audit_topic(KafkaInspector& inspector, std::int32_t replication,
                                       std::chrono::hours retention);

class AuditTopic final : public AuditSink {
 public:
  static schemas::Result<std::unique_ptr<AuditTopic>> open(const KafkaOptions& options);
  ~AuditTopic() override;
  AuditTopic(const AuditTopic&) = delete;
  AuditTopic& operator=(const AuditTopic&) = delete;

  schemas::Result<void> write(const std::vector<std::string>& records) override;
  void tidy() override;
  void finish() override;
  Condition condition() const override;

 private:
  struct Impl;
  explicit AuditTopic(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
