// The audit as something to read: files in STATE/audit or the topic CLUSTER.audit. One partition, in the order in which
// it was written.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "producers/event_log.h"
#include "producers/kafka_options.h"
#include "producers/ports.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

/// Belongs to one thread. Errors: unavailable (no broker, or none that answers), data_loss (a record is damaged).
class AuditSource {
 public:
  virtual ~AuditSource() = default;
  virtual schemas::Result<Bounds> bounds() = 0;
  /// Some of the records of [from, to), at most 1,000, in order; empty: there are none.
  virtual schemas::Result<std::vector<schemas::LogRecord>> read(std::int64_t from, std::int64_t to) = 0;
};

/// Never an error: what is not there is empty.
std::unique_ptr<AuditSource> audit_in_files(std::filesystem::path directory);
schemas::Result<std::unique_ptr<AuditSource>> audit_in_topic(const KafkaOptions& options,
                                                             std::chrono::milliseconds timeout);

/// What an order asks for, as much as is found in 512 KiB and among 20,000 records: `next` says where to go on.
schemas::Result<v1::AuditPageT> read_audit_page(AuditSource& source, const AuditOrder& order);

}  // namespace solo::producers
