// Sees to it, when the daemon starts, that its log has a root token (ops/root_token.h has the order of steps).
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "consumers/projector.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "projections/views.h"
#include "schemas/result.h"

namespace solo::ops {

struct RootTokenSurroundings {
  std::filesystem::path state;
  producers::EventLog& log;
  const projections::Views& views;
  consumers::Projector& projector;
  const producers::Clock& clock;
  producers::Entropy& entropy;
  /// What it waits for, in words; each time it changes.
  std::function<void(const std::string&)> on_waiting;
  /// Asked while it waits.
  std::function<bool()> stop_wanted;
};

/// Returns when the views name a root token (at once if it is the one in STATE), or when a stop is wanted. A log that
/// does not take the token yet is asked again. Errors: the file cannot be written or read, the log's end cannot be
/// found.
schemas::Result<void> ensure_root_token(const RootTokenSurroundings& around);

}  // namespace solo::ops
