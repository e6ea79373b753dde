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
  /// The program's or the thread's name, at most 15 bytes.
  std::string name;
  char state = '?';
  pid_t parent = 0;
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

/// It has ended; at most its parent has not yet heard of it.
bool has_ended(const Stat& stat);
/// It has ended, is ending, or has been sent SIGKILL: it will run no code of its own any more.
bool is_ending(const Stat& stat);

/// What the threads of that run which spawn are called, and their children until their exec. As long as a child has the
/// daemon's memory, which is closed to others, that is all a daemon of an ordinary user can know it by.
std::string spawner_name(std::string_view run);

/// Nothing if there is no such process (one that has ended but was not reaped has an identity).
std::optional<Identity> identity_of(pid_t pid);

/// What an environment says of the service it belongs to. Whoever has started the process may have put anything there.
struct Marks {
  /// As far as its values are well-formed: names are names, an instance is at most 128 printable characters.
  Marker marker;
  /// Which of its values are missing or malformed, in printable words; empty: the marker is whole.
  std::string damage;
};

/// Nothing if its environment names no log, or may not be read. In the middle of its exec (after posix_spawn has
/// returned and a lock was given up, too) a process has no environment for a moment: that is waited for, until
/// `deadline` at the latest.
std::optional<Marks> marks_of(pid_t pid, std::chrono::steady_clock::time_point deadline);
/// From NUL-separated NAME=VALUE entries.
std::optional<Marks> parse_marks(std::string_view environment);

/// What looking at one process waits for its exec.
inline constexpr std::chrono::milliseconds kExecTime{100};

/// The same; nothing if the marker is not whole.
std::optional<Marker> marker_of(pid_t pid, std::chrono::steady_clock::time_point deadline);
std::optional<Marker> parse_marker(std::string_view environment);

/// Every process there is, as pids.
std::vector<pid_t> all_pids();
/// Without the kernel's threads, as far as they can be told by one read: looking at each would cost as much as at a
/// process.
std::vector<pid_t> user_pids();

/// The whole of a small file, or its first `most` bytes; empty if it cannot be read.
std::string read_small_file(const std::string& path, std::size_t most = SIZE_MAX);

}  // namespace solo::consumers::proc
