#include "consumers/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>

#include "consumers/descriptor.h"
#include "schemas/ids.h"
#include "schemas/text.h"

namespace solo::consumers::proc {

namespace {

// PF_EXITING of the kernel's include/linux/sched.h, in field 9 of /proc/PID/stat.
constexpr std::uint32_t kExiting = 0x4;
// PF_FORKNOEXEC and PF_KTHREAD, there.
constexpr std::uint32_t kBeforeExec = 0x40;
constexpr std::uint32_t kKernelThread = 0x00200000;

// The parent of the kernel's threads, where it is one itself: elsewhere (a pid namespace) that number is anybody's.
constexpr pid_t kKernelThreadParent = 2;

constexpr std::string_view kSpawner = "spawn:";
// What the kernel keeps of a name.
constexpr std::size_t kMaxName = 15;

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

// What a mark's value may be long, and how much of a malformed one is shown.
constexpr std::size_t kMaxMark = 128;
constexpr std::size_t kMaxShown = 64;

bool take_text(std::string_view value, std::string& into) {
  const auto printable = [](char character) { return character > ' ' && character <= '~'; };
  if (value.empty() || !std::all_of(value.begin(), value.end(), printable)) return false;
  into = value;
  return true;
}

template <class Kind>
bool take_name(std::string_view value, std::string& into) {
  if (!Kind::check(value)) return false;
  into = value;
  return true;
}

bool take_number(std::string_view value, std::uint64_t& into) {
  std::uint64_t number = 0;
  if (!parse_number(value, number)) return false;
  into = number;
  return true;
}

struct Mark {
  std::string_view name;
  // false: it is malformed.
  bool (*take)(std::string_view value, Marker& marker);
};

constexpr std::array<Mark, 6> kMarks{{
    {"SOLO_LOG", [](std::string_view value, Marker& marker) { return take_text(value, marker.log); }},
    {"SOLO_NODE",
     [](std::string_view value, Marker& marker) { return take_name<schemas::NodeKind>(value, marker.node); }},
    {"SOLO_TENANT",
     [](std::string_view value, Marker& marker) { return take_name<schemas::TenantKind>(value, marker.tenant); }},
    {"SOLO_SERVICE",
     [](std::string_view value, Marker& marker) { return take_name<schemas::ServiceKind>(value, marker.service); }},
    {"SOLO_GENERATION", [](std::string_view value, Marker& marker) { return take_number(value, marker.generation); }},
    {"SOLO_INSTANCE", [](std::string_view value, Marker& marker) { return take_text(value, marker.instance); }},
}};

std::optional<Marker> whole(std::optional<Marks> marks) {
  if (!marks || !marks->damage.empty()) return std::nullopt;
  return std::move(marks->marker);
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
  if (has_ended(*stat)) return false;
  // Of one that may not be looked into the end is 0 as well.
  if (Descriptor(::open(path_of(pid, "environ").c_str(), O_RDONLY | O_CLOEXEC))) return true;
  // An exec closes descriptors, and with them a lock, before it opens the memory to its user and changes the name.
  return stat->name.starts_with(kSpawner) && (stat->flags & kBeforeExec) == 0;
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

std::string read_small_file(const std::string& path, std::size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  std::array<char, 8192> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), std::min(static_cast<std::size_t>(count), most - text.size()));
    if (text.size() == most) return text;
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
  const std::size_t name = text.find('(') + 1;
  stat.name = text.substr(name, text.rfind(')') - name);
  if (!parse_number(text.substr(0, text.find(' ')), stat.pid) || !parse_number(fields[1], stat.parent) ||
      !parse_number(fields[2], stat.group) || !parse_number(fields[3], stat.session) ||
      !parse_number(fields[6], stat.flags) || !parse_number(fields[19], stat.start_time)) {
    return std::nullopt;
  }
  // Field 51; older kernels end before it.
  if (fields.size() > 48 && !parse_number(fields[48], stat.environment_end)) return std::nullopt;
  return stat;
}

std::string spawner_name(std::string_view run) {
  std::string name(kSpawner);
  for (const char digit : run) {
    if (digit != '-' && name.size() < kMaxName) name += digit;
  }
  return name;
}

std::optional<Stat> read_stat(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  return parse_stat(read_small_file(path_of(pid, "stat")));
}

bool has_ended(const Stat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

bool is_ending(const Stat& stat) {
  return has_ended(stat) || (stat.flags & kExiting) != 0 || has_pending_sigkill(stat.pid);
}

std::optional<Identity> identity_of(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return std::nullopt;
  return Identity{pid, stat->start_time, boot_id()};
}

std::optional<Marks> parse_marks(std::string_view environment) {
  std::array<std::optional<std::string_view>, kMarks.size()> values;
  while (!environment.empty()) {
    const std::size_t end = std::min(environment.find('\0'), environment.size());
    const std::string_view entry = environment.substr(0, end);
    environment.remove_prefix(std::min(end + 1, environment.size()));
    const std::size_t equals = entry.substr(0, 5) == "SOLO_" ? entry.find('=') : std::string_view::npos;
    if (equals == std::string_view::npos) continue;
    for (std::size_t at = 0; at < kMarks.size(); ++at) {
      if (entry.substr(0, equals) == kMarks[at].name) values[at] = entry.substr(equals + 1);
    }
  }
  // The log's comes first.
  if (values[0].value_or("").empty()) return std::nullopt;
  Marks marks;
  for (std::size_t at = 0; at < kMarks.size(); ++at) {
    const auto& value = values[at];
    if (value && value->size() <= kMaxMark && kMarks[at].take(*value, marks.marker)) continue;
    if (!marks.damage.empty()) marks.damage += ", ";
    marks.damage += kMarks[at].name;
    marks.damage += value ? "=" + schemas::escape(*value, kMaxShown) : " is missing";
  }
  return marks;
}

std::optional<Marker> parse_marker(std::string_view environment) { return whole(parse_marks(environment)); }

std::optional<Marks> marks_of(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const std::string environment = read_small_file(path_of(pid, "environ"));
    if (!environment.empty()) return parse_marks(environment);
    if (!is_in_exec(pid) || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 1);
  }
}

std::optional<Marker> marker_of(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  return whole(marks_of(pid, deadline));
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

std::vector<pid_t> user_pids() {
  const auto parent = read_stat(kKernelThreadParent);
  std::set<pid_t> kernel_threads;
  if (parent && (parent->flags & kKernelThread) != 0) {
    const std::string path = path_of(kKernelThreadParent, "task/" + std::to_string(kKernelThreadParent) + "/children");
    std::istringstream children(read_small_file(path));
    for (pid_t child = 0; children >> child;) kernel_threads.insert(child);
  }
  // Afterwards: what has got the number of a thread that ended in between is a child of somebody who is looked at.
  std::vector<pid_t> pids = all_pids();
  std::erase_if(pids, [&](pid_t pid) { return kernel_threads.contains(pid); });
  return pids;
}

}  // namespace solo::consumers::proc
