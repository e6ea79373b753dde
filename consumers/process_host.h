// The operating system's processes behind a seam: spawn, signal, wait, scan. Its adapter: Linux
// (linux_process_host.h).
//
// A process is known by its identity (pid + start time + boot id) or by the marker in its environment, never by a bare
// pid: pids are reused.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/result.h"

namespace solo::consumers {

struct Identity {
  std::int32_t pid = 0;
  /// Clock ticks since boot: field 22 of /proc/PID/stat.
  std::uint64_t start_time = 0;
  std::string boot_id;
  bool operator==(const Identity&) const = default;
};

/// What Solo puts into a service's environment, as SOLO_LOG, SOLO_NODE and so on.
struct Marker {
  std::string log;
  std::string node;
  std::string tenant;
  std::string service;
  std::uint64_t generation = 0;
  std::string instance;
  bool operator==(const Marker&) const = default;
};

struct SpawnRequest {
  std::vector<std::string> argv;
  /// NAME=VALUE; all of it: nothing is inherited.
  std::vector<std::string> environment;
  std::filesystem::path directory;
  /// Appended to by stdout and stderr; made if it is not there.
  std::filesystem::path output;
};

enum class ExitKind : std::uint8_t { unknown, exited, signaled };

struct Exit {
  ExitKind kind = ExitKind::unknown;
  /// The exit status, or the signal's number.
  int value = 0;
  bool operator==(const Exit&) const = default;
};

/// One live or unreaped process. The handle owns a pidfd: it never means another process.
class Process {
 public:
  virtual ~Process() = default;
  virtual const Identity& identity() const = 0;
  /// To this process alone. true: sent; false: it has ended.
  virtual bool signal(int number) = 0;
  /// To its process group, while that name is still certainly its own (it leads the group and is not reaped).
  virtual bool signal_group(int number) = 0;
  /// Its end has been seen and is told to whoever watches it, once what it left behind is gone.
  virtual bool is_ending() const = 0;
};

struct FoundProcess {
  Identity identity;
  Marker marker;
  /// It leads its session, as what was spawned does; others with the same marker are descendants.
  bool leader = false;
  /// Which of its marks are missing or malformed, in printable words; `marker` then holds the others. Empty: it is
  /// whole.
  std::string damage = {};
};

struct HeldProcess {
  FoundProcess found;
  /// Nothing: the system had no descriptor left for it; adopt() says so.
  std::unique_ptr<Process> process;
};

class ProcessHost {
 public:
  virtual ~ProcessHost() = default;

  using Spawned = std::function<void(schemas::Result<std::unique_ptr<Process>>)>;
  using Exited = std::function<void(Exit)>;

  /// Starts a program in a session of its own, on one of a few threads kept for it, and calls `done` there when the
  /// program image is in place (exec succeeded) or the start failed or took longer than `timeout` (counted from when a
  /// thread takes it up; what was half started is then killed and reaped).
  /// not_found, permission_denied, invalid_argument: will not get better; resource_exhausted, unavailable,
  /// deadline_exceeded: may.
  virtual void spawn(SpawnRequest request, std::chrono::milliseconds timeout, Spawned done) = 0;

  /// Calls `exited` once, on the host's thread, when the process has ended. A child is reaped only after what was left
  /// of its process group has been killed. Destroying the handle ends the watch; a call that has begun may still come.
  virtual void watch(Process& process, Exited exited) = 0;

  /// While what this returns is held, many are being asked to end: their ends are gathered, for tens of milliseconds at
  /// most, and dealt with together. Nothing: this host deals with each by itself.
  virtual std::shared_ptr<void> asking_many_to_end() { return nullptr; }

  /// Takes hold of a process that runs already. `marker`: what its descendants are known by; nothing: by their session
  /// alone. not_found: it has ended, or the pid means another by now.
  virtual schemas::Result<std::unique_ptr<Process>> adopt(const Identity& identity, std::optional<Marker> marker) = 0;

  /// The process with its marker as it is now. not_found: it has ended, the pid means another, or it bears no marker.
  virtual schemas::Result<FoundProcess> look_up(const Identity& identity) = 0;

  /// Every process on this machine with a marker of this log and node; without a node, of any node, and those with a
  /// damaged marker of this log, too.
  virtual schemas::Result<std::vector<FoundProcess>> scan(const std::string& log, const std::string& node) = 0;

  /// Those of this log and node, and takes hold of each.
  virtual schemas::Result<std::vector<HeldProcess>> scan_and_hold(const std::string& log, const std::string& node) = 0;
};

}  // namespace solo::consumers
