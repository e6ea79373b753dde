// The daemon's answer to "how are you": each part is asked for its own condition.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "consumers/observations.h"
#include "consumers/projector.h"
#include "consumers/runtime.h"
#include "consumers/verifier.h"
#include "producers/audit_recorder.h"
#include "producers/clock.h"
#include "producers/event_log.h"
#include "producers/ports.h"
#include "projections/views.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// How many services are in which state. Changes only note which services to look at again; the looking is done when
/// somebody asks. Thread-safe.
class ServiceCounts {
 public:
  explicit ServiceCounts(const projections::Views& views) : views_(views) {}

  void on_change(const projections::ViewChange& change);
  /// Nothing is counted while the views cannot be read.
  schemas::Result<v1::ServicesHealthT> count();

 private:
  schemas::Result<void> read_all();
  schemas::Result<void> read_changed();
  void put(const schemas::ServiceKey& key, const v1::ServiceRecordT& record);

  const projections::Views& views_;
  std::mutex mutex_;
  bool all_read_ = false;
  std::set<schemas::ServiceKey> changed_;
  std::map<schemas::ServiceKey, v1::ServiceState> states_;
};

/// Borrows what it asks, which must outlive it. Thread-safe.
class DaemonHealth final : public producers::HealthPort {
 public:
  struct Parts {
    producers::EventLog& log;
    const projections::Views& views;
    const consumers::Projector& projector;
    const consumers::ObservationPublisher& publisher;
    const consumers::Runtime& runtime;
    const consumers::Verifier& verifier;
    ServiceCounts& counts;
    const producers::AuditRecorder& audit;
    const producers::Clock& clock;
    /// This run of the daemon.
    std::string run;
  };

  explicit DaemonHealth(Parts parts) : parts_(std::move(parts)), started_(parts_.clock.now()) {}

  void fill(v1::HealthReportT& report) override;
  /// From now on the answer is `stopping`, and names this step of it.
  void set_stopping(const std::string& step);

 private:
  /// The recovery is over, and what it did can be asked for.
  bool is_recovered(consumers::RuntimePhase phase);
  void fill_log(v1::LogHealthT& log, std::vector<std::string>& troubles) const;
  void fill_views(v1::ViewsHealthT& views, std::vector<std::string>& troubles) const;
  /// Who runs the services when it is not this daemon; a trouble if nobody does.
  std::string holder(std::vector<std::string>& troubles) const;
  void fill_verification(v1::VerificationHealthT& verification, std::vector<std::string>& troubles) const;

  Parts parts_;
  std::chrono::steady_clock::time_point started_;
  mutable std::mutex mutex_;
  /// The step of the stop that is under way; empty: there is none.
  std::string stopping_;
  std::atomic<bool> report_seen_ = false;
};

}  // namespace solo::ops
