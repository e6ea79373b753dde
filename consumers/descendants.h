// Whom a service leaves behind when its process ends: whatever is in its session, and whatever made a session of its
// own but still carries the service's marker. They end with it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include "consumers/descriptor.h"
#include "consumers/process_host.h"

namespace solo::consumers {

/// A leader that has ended.
struct EndedLeader {
  Identity identity;
  /// Nothing: it is not known, and only its session tells who belongs to it.
  std::optional<Marker> marker;
  /// Its number is certainly its own still.
  bool unreaped = false;
  /// Of one whose end nobody saw, its service's directory: its number may have been another's since, and that one's
  /// session has members without a leader, too. So only who works or writes in there is its own. Empty: not asked.
  std::filesystem::path home = {};
};

/// A process that was sent SIGKILL.
struct KilledDescendant {
  /// In the list of leaders.
  std::size_t leader = 0;
  Descriptor pidfd;
};

/// Sends SIGKILL to what these leaders left behind, and to what that starts meanwhile: one look through /proc for all
/// of them, repeated while something is found. `living`: the leaders of other services: none of theirs, and neither is
/// what is in their sessions. A leader's session can be told from another's of that number while it is unreaped or its
/// number is nobody's.
std::vector<KilledDescendant> kill_descendants(const std::vector<EndedLeader>& leaders, const std::set<pid_t>& living);

}  // namespace solo::consumers
