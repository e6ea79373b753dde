// Who writes into the services' output files. What Solo has started as a service has its standard output and error
// there from before its exec on, so this mark is on it even if it cleans its environment (env -i, a name written over
// it) and nobody recorded its identity. Nobody else is known by it while STATE/lock is held and nothing is started.
//
// Reads /proc; the answer is a snapshot, like everything there. Thread-safe.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "consumers/process_host.h"
#include "schemas/ids.h"

namespace solo::consumers {

struct OutputWriter {
  Identity identity;
  schemas::ServiceKey service;
  /// It leads its session.
  bool leader = false;
  /// Whole, or nothing.
  std::optional<Marker> marker;
};

/// Those with standard output or error in a file of STATE/services/TENANT/SERVICE that lead their session or are left
/// of one whose leader is gone (who writes there from a shell is somebody else's), but for those whose session's leader
/// is `known`. Ascending by pid.
std::vector<OutputWriter> output_writers(const std::filesystem::path& services,
                                         const std::function<bool(pid_t leader)>& known);

}  // namespace solo::consumers
