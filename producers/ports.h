// What the gateway asks of parts it cannot know: consumers implement these, the composition root wires them.
// Every function is thread-safe and returns without waiting for a service or a disk that hangs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "schemas/ids.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::v1 {
struct AuditPageT;
struct HealthReportT;
struct InventoryReportT;
struct RepairT;
struct VerificationReportT;
}  // namespace solo::v1

namespace solo::producers {

struct OutputTail {
  /// UTF-8; other bytes are replaced.
  std::string text;
  /// There is more before it.
  bool truncated = false;
};

/// The machine's side of a service.
class HostPort {
 public:
  virtual ~HostPort() = default;
  /// The last `bytes` bytes of what the service printed. not_found: it has never run here.
  virtual schemas::Result<OutputTail> output(const schemas::ServiceKey& service, std::size_t bytes) = 0;
};

/// What the runtime holds, and mends. Answers come once each, on any thread, or never when the runtime is shut down
/// meanwhile.
class RuntimePort {
 public:
  virtual ~RuntimePort() = default;

  using Inventoried = std::function<void(schemas::Result<v1::InventoryReportT>)>;
  /// What it holds of each service once it has acted on everything up to `cut`. deadline_exceeded: it has not come so
  /// far. unavailable: it is stopping, or has not begun.
  virtual void inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline, Inventoried done) = 0;

  using Repaired = std::function<void(schemas::Result<void>)>;
  /// Carries out a repair if the instance is still the one that is meant, nothing is under way for the service, and it
  /// would not end what should run; then DriftFixed is published. failed_precondition: it is not so (any more);
  /// invalid_argument: no such repair.
  virtual void repair(const schemas::ServiceKey& service, const v1::RepairT& repair, Repaired done) = 0;
};

struct VerifyOrder {
  /// `*`: everything; otherwise this tenant's services alone, and not the views and the log.
  std::string tenant;
  bool fix = false;
  bool dry_run = false;
  /// Of everything alone.
  bool rebuild = false;
  /// Nobody waits for the answer any more.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// Who compares log, views and machine.
class VerifierPort {
 public:
  virtual ~VerifierPort() = default;
  using Verified = std::function<void(schemas::Result<v1::VerificationReportT>)>;
  /// Now, or behind others that wait. The answer comes on the verifier's thread. resource_exhausted: another of that
  /// tenant waits, or those of too many tenants. deadline_exceeded: its turn came too late. invalid_argument: a replay
  /// of one tenant's part. unavailable: it is stopping.
  virtual void verify(const VerifyOrder& order, Verified done) = 0;
};

struct AuditOrder {
  /// `*`: of everybody; otherwise of requests about this tenant alone.
  std::string tenant;
  /// Empty: of every token.
  std::string accessor = {};
  std::int64_t from = 0;
  /// At most so many records; at least 1.
  std::size_t limit = 0;
};

/// Who reads the audit.
class AuditReadPort {
 public:
  virtual ~AuditReadPort() = default;
  using Read = std::function<void(schemas::Result<v1::AuditPageT>)>;
  /// Behind those that were asked for before. resource_exhausted: too many wait. unavailable: it is stopping, or where
  /// the audit is kept cannot be reached. data_loss: a record is damaged.
  virtual void read(AuditOrder order, Read done) = 0;
};

/// What a gateway may be given beside; what is missing is answered unimplemented.
struct MachinePorts {
  RuntimePort* runtime = nullptr;
  VerifierPort* verifier = nullptr;
  AuditReadPort* audit = nullptr;
};

/// The daemon's own condition. Fills all it knows but what the gateway itself counts.
class HealthPort {
 public:
  virtual ~HealthPort() = default;
  virtual void fill(v1::HealthReportT& report) = 0;
};

}  // namespace solo::producers
