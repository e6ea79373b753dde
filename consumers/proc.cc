#include "consumers/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

#include "consumers/descriptor.h"

namespace solo::consumers::proc {

namespace {

// PF_EXITING of the kernel's include/linux/sched.h, in field 9 of /proc/PID/stat.
constexpr std::uint32_t kExiting = 0x4;
// PF_KTHREAD, there.
constexpr std::uint32_t kKernelThread = 0x00200000;

std::string path_of(pid_t pid, std::string_view file) {
  std::string path = "/proc/" + std::to_string(pid) + "/";
  path += file;
  return path;
}

template <class Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// The space-separated fields behind the program's name: field 3 (state) is at index 0.
std::vector<std::string_view> fields_after_name(std::string_view text) {
  std::vector<std::string_view> fields;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return fields;
  text.remove_prefix(name_end + 1);
  while (!text.empty()) {
    const std::size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return fields;
}

// Its old memory is gone, and its new one not yet furnished.
bool is_in_exec(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || stat->environment_end != 0 || (stat->flags & (kKernelThread | kExiting)) != 0) return false;
  if (stat->state == 'Z' || stat->state == 'X') return false;
  // Of one that may not be looked into the end is 0 as well.
  return static_cast<bool>(Descriptor(::open(path_of(pid, "environ").c_str(), O_RDONLY | O_CLOEXEC)));
}

bool has_pending_sigkill(pid_t pid) {
  const std::string status = read_small_file(path_of(pid, "status"));
  for (const std::string_view name : {"SigPnd:", "ShdPnd:"}) {
    const std::size_t at = status.find(name);
    if (at == std::string::npos) continue;
    std::string_view value = std::string_view(status).substr(at + name.size());
    value = value.substr(0, value.find('\n'));
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    std::uint64_t mask = 0;
    if (parse_number(value, mask, 16) && (mask >> (SIGKILL - 1) & 1) != 0) return true;
  }
  return false;
}

}  // namespace

std::string read_small_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  std::array<char, 8192> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

const std::string& boot_id() {
  static const std::string id = [] {
    std::string text = read_small_file("/proc/sys/kernel/random/boot_id");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }();
  return id;
}

std::optional<Stat> parse_stat(std::string_view text) {
  Stat stat;
  const std::vector<std::string_view> fields = fields_after_name(text);
  if (fields.size() < 20 || fields[0].size() != 1) return std::nullopt;
  stat.state = fields[0][0];
  if (!parse_number(text.substr(0, text.find(' ')), stat.pid) || !parse_number(fields[2], stat.group) ||
      !parse_number(fields[3], stat.session) || !parse_number(fields[6], stat.flags) ||
      !parse_number(fields[19], stat.start_time)) {
    return std::nullopt;
  }
  // Field 51; older kernels end before it.
  if (fields.size() > 48 && !parse_number(fields[48], stat.environment_end)) return std::nullopt;
  return stat;
}

std::optional<Stat> read_stat(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  return parse_stat(read_small_file(path_of(pid, "stat")));
}

bool is_ending(const Stat& stat) {
  return stat.state == 'Z' || stat.state == 'X' || (stat.flags & kExiting) != 0 || has_pending_sigkill(stat.pid);
}

std::optional<Identity> identity_of(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return std::nullopt;
  return Identity{pid, stat->start_time, boot_id()};
}

std::optional<Marker> parse_marker(std::string_view environment) {
  Marker marker;
  bool has_generation = false;
  while (!environment.empty()) {
    const std::size_t end = std::min(environment.find('\0'), environment.size());
    std::string_view entry = environment.substr(0, end);
    environment.remove_prefix(std::min(end + 1, environment.size()));
    if (entry.substr(0, 5) != "SOLO_") continue;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = entry.substr(5, equals - 5);
    const std::string_view value = entry.substr(equals + 1);
    if (name == "LOG") marker.log = value;
    if (name == "NODE") marker.node = value;
    if (name == "TENANT") marker.tenant = value;
    if (name == "SERVICE") marker.service = value;
    if (name == "INSTANCE") marker.instance = value;
    if (name == "GENERATION") has_generation = parse_number(value, marker.generation);
  }
  const bool complete = !marker.log.empty() && !marker.node.empty() && !marker.tenant.empty() &&
                        !marker.service.empty() && !marker.instance.empty() && has_generation;
  if (!complete) return std::nullopt;
  return marker;
}

std::optional<Marker> marker_of(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const std::string environment = read_small_file(path_of(pid, "environ"));
    if (!environment.empty()) return parse_marker(environment);
    if (!is_in_exec(pid) || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 1);
  }
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  if (!directory) return pids;
  while (const dirent* entry = ::readdir(directory.get())) {
    pid_t pid = 0;
    if (parse_number(std::string_view(entry->d_name), pid)) pids.push_back(pid);
  }
  return pids;
}

}  // namespace solo::consumers::proc
