// The daemon's log, whichever it is, with what differs between them: how it is read, closed and watched.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "consumers/projector.h"
#include "ops/config.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "projections/views.h"
#include "schemas/result.h"

namespace solo::ops {

struct DaemonLog {
  std::unique_ptr<producers::EventLog> log;
  consumers::Projector::OpenReader open_reader;
  /// Ends what is outstanding; an error: not all of it is on the disk.
  std::function<schemas::Result<void>()> close;
  /// Lets the log know its records by what the views remember, until the returned handle is gone.
  std::function<std::shared_ptr<void>(const projections::Views&)> watch_with = [](const auto&) { return nullptr; };
  /// Reads through what is there once, when everything else is up.
  std::function<void()> check_in_background = [] {};
  /// For the daemon's log: what was found.
  std::string description;
};

struct DaemonLogSurroundings {
  std::filesystem::path state;
  const producers::Clock& clock;
  producers::Entropy& entropy;
  /// The log cannot go on.
  std::function<void(const schemas::Error&)> on_fatal;
  /// What opening waits for, in words.
  std::function<void(const std::string&)> on_waiting;
  /// Asked while it waits.
  std::function<bool()> stop_wanted;
};

/// As the configuration says: in Kafka when it names a broker, in STATE otherwise. Errors as the logs' own open().
schemas::Result<DaemonLog> open_daemon_log(const Config& config, const DaemonLogSurroundings& surroundings);

}  // namespace solo::ops
