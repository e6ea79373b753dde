// What /proc says about processes. Everything here is a snapshot: the process may be gone, and its pid another's, by
// the time the answer is read. Thread-safe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/process_host.h"

namespace solo::consumers::proc {

/// This boot of the machine.
const std::string& boot_id();

struct Stat {
  pid_t pid = 0;
  char state = '?';
  pid_t group = 0;
  pid_t session = 0;
  std::uint32_t flags = 0;
  std::uint64_t start_time = 0;
  /// Where its environment ends in its memory; 0: it has none yet, is a kernel's thread, or may not be looked into.
  std::uint64_t environment_end = 0;
};

std::optional<Stat> read_stat(pid_t pid);
/// The text of /proc/PID/stat. A program may put anything into its name, brackets and newlines too.
std::optional<Stat> parse_stat(std::string_view text);

/// It has ended, is ending, or has been sent SIGKILL: it will run no code of its own any more.
bool is_ending(const Stat& stat);

/// Nothing if there is no such process (one that has ended but was not reaped has an identity).
std::optional<Identity> identity_of(pid_t pid);

/// Nothing if its environment carries no complete marker, or may not be read. In the middle of its exec (after
/// posix_spawn has returned and a lock was given up, too) a process has no environment for a moment: that is waited
/// for, until `deadline` at the latest.
std::optional<Marker> marker_of(pid_t pid, std::chrono::steady_clock::time_point deadline);
/// From NUL-separated NAME=VALUE entries.
std::optional<Marker> parse_marker(std::string_view environment);

/// Every process there is, as pids.
std::vector<pid_t> all_pids();

/// The whole of a small file; empty if it cannot be read.
std::string read_small_file(const std::string& path);

}  // namespace solo::consumers::proc
