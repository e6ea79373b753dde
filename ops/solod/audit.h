// The daemon's audit: where it is kept, as the log is: in Kafka or in STATE.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "ops/config.h"
#include "producers/audit_reader.h"
#include "producers/audit_recorder.h"
#include "producers/clock.h"
#include "schemas/result.h"

namespace solo::ops {

struct DaemonAuditParts {
  std::filesystem::path state;
  std::string node;
  std::string run;
  const producers::Clock& clock;
  /// Who is at one of the gateway's connections.
  std::function<std::string(producers::PeerId)> peer_name;
};

/// For those who ask the daemon what is in it.
std::unique_ptr<producers::AuditReader> open_audit_reader(const Config& config);

/// Starts it. invalid_argument: Kafka's settings.
schemas::Result<std::unique_ptr<producers::AuditRecorder>> open_audit(const Config& config, DaemonAuditParts parts);

}  // namespace solo::ops
