// What a running daemon is made of. A part may borrow those above it; they are destroyed from the bottom up.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "consumers/linux_process_host.h"
#include "consumers/observations.h"
#include "consumers/projector.h"
#include "consumers/runtime.h"
#include "consumers/state_lock.h"
#include "consumers/token_sweeper.h"
#include "consumers/verifier.h"
#include "ops/lost_tail.h"
#include "ops/solod/audit.h"
#include "ops/solod/daemon.h"
#include "ops/solod/health.h"
#include "ops/solod/listening.h"
#include "ops/solod/logs.h"
#include "ops/solod/stopwatch.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/gateway.h"
#include "projections/token_checker.h"
#include "projections/views.h"

namespace solo::ops {

struct Daemon::Parts {
  std::filesystem::path state;
  Stopwatch watch;
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  /// This run of the daemon.
  std::string run = entropy.uuid();
  std::optional<consumers::StateLock> lock;
  std::optional<schemas::NodeName> node;
  Listening listening;
  DaemonLog opened;
  /// The opened one; nothing before.
  producers::EventLog* log = nullptr;
  std::unique_ptr<projections::Views> views;
  std::unique_ptr<projections::TokenChecker> tokens;
  /// They were made anew from the log's first record on.
  bool views_empty = false;
  /// What an operator gave up of the log, until the log says so.
  std::optional<LostTail> given_up;
  /// The log's ear at the views.
  std::shared_ptr<void> ear;
  std::unique_ptr<consumers::Projector> projector;
  std::unique_ptr<consumers::ObservationPublisher> publisher;
  std::unique_ptr<consumers::LinuxProcessHost> host;
  std::unique_ptr<consumers::Runtime> runtime;
  std::unique_ptr<consumers::Verifier> verifier;
  std::unique_ptr<ServiceCounts> counts;
  std::unique_ptr<DaemonHealth> health;
  std::unique_ptr<producers::AuditRecorder> audit;
  std::unique_ptr<producers::AuditReader> audit_reader;
  std::unique_ptr<producers::Gateway> gateway;
  std::unique_ptr<consumers::TokenSweeper> sweeper;
  /// The gateway's and the counts' ear at the projector.
  consumers::Projector::Subscription subscription;
};

}  // namespace solo::ops
