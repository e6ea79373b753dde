#include "consumers/state_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sstream>
#include <system_error>

#include "consumers/descriptor.h"
#include "consumers/pidfd.h"
#include "consumers/proc.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

constexpr int kPollMs = 5;
// What a killed half-done child may take to vanish.
constexpr std::chrono::seconds kDyingTime{5};

std::string lock_path(const std::filesystem::path& directory) { return (directory / "lock").string(); }

tl::unexpected<schemas::Error> fail_errno(const std::string& what, int error) {
  const bool forbidden = error == EACCES || error == EPERM || error == EROFS;
  const ErrorCode code = forbidden                            ? ErrorCode::permission_denied
                         : error == ENOSPC || error == EMFILE ? ErrorCode::resource_exhausted
                                                              : ErrorCode::failed_precondition;
  return schemas::fail(code, what + ": " + std::generic_category().message(error),
                       forbidden ? "run it as the user who owns it, or choose another state directory" : "");
}

Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno("cannot make the state directory " + directory.string(), errno);
}

// On the lowest free descriptor, but never in the place of a standard stream.
Result<Descriptor> open_lock(const std::filesystem::path& directory) {
  const std::string path = lock_path(directory);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno("cannot open " + path, errno);
  if (file.get() > STDERR_FILENO) return file;
  Descriptor moved(::fcntl(file.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved) return fail_errno("cannot open " + path, errno);
  return moved;
}

bool is_live(const Identity& identity) {
  const auto stat = proc::read_stat(identity.pid);
  return stat && stat->start_time == identity.start_time && proc::boot_id() == identity.boot_id &&
         !proc::is_ending(*stat);
}

// Nothing: its descriptors may not be seen.
std::optional<bool> holds_lock(pid_t pid, const struct stat& lock) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(process + "/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    struct stat target {};
    if (::stat(entry->path().c_str(), &target) != 0) continue;
    if (target.st_dev != lock.st_dev || target.st_ino != lock.st_ino) continue;
    const std::string info = proc::read_small_file(process + "/fdinfo/" + entry->path().filename().string());
    if (info.find("lock:") != std::string::npos) return true;
  }
  if (error == std::errc::permission_denied) return std::nullopt;
  return false;
}

// Whoever runs as an ordinary user cannot see what a child has before its exec, not even one of its own.
bool is_half_done(pid_t pid, const std::string& former_run) {
  const auto stat = proc::read_stat(pid);
  return stat && !former_run.empty() && stat->name == proc::spawner_name(former_run);
}

// Everyone who has the open file that the lock is on: the daemon, or children it left before their exec.
std::vector<Identity> holders_of(int lock_descriptor, const std::string& former_run) {
  std::vector<Identity> holders;
  struct stat lock {};
  if (::fstat(lock_descriptor, &lock) != 0) return holders;
  for (const pid_t pid : proc::all_pids()) {
    if (pid == ::getpid()) continue;
    const auto holds = holds_lock(pid, lock);
    if (holds ? !*holds : !is_half_done(pid, former_run)) continue;
    if (auto identity = proc::identity_of(pid)) holders.push_back(std::move(*identity));
  }
  return holders;
}

std::string pids_of(const std::vector<Identity>& holders) {
  std::ostringstream text;
  for (const Identity& holder : holders) text << (text.tellp() > 0 ? ", " : "") << holder.pid;
  return text.str();
}

void kill_exactly(const Identity& identity) {
  const Descriptor pidfd(::pidfd_open(identity.pid, 0));
  if (!pidfd || proc::identity_of(identity.pid) != identity) return;
  ::pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
}

Result<void> write_holder(int lock_descriptor, const std::string& run) {
  const auto self = proc::identity_of(::getpid());
  if (!self) return schemas::fail(ErrorCode::unavailable, "cannot read /proc/self/stat");
  std::ostringstream text;
  text << self->pid << ' ' << self->start_time << ' ' << self->boot_id << ' ' << run << '\n';
  const std::string line = text.str();
  if (::ftruncate(lock_descriptor, 0) != 0 ||
      ::pwrite(lock_descriptor, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    return fail_errno("cannot write the lock file", errno);
  }
  return {};
}

// Waits for a lock whose daemon is dead.
class HalfDoneWait {
 public:
  HalfDoneWait(const StateLockOptions& options, int descriptor)
      : options_(options),
        descriptor_(descriptor),
        kill_at_(std::chrono::steady_clock::now() + options.half_done_timeout) {}

  Result<void> run() {
    while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno("cannot lock the state directory", errno);
      if (auto checked = look(); !checked) return checked;
      ::poll(nullptr, 0, kPollMs);
    }
    return {};
  }

 private:
  Result<void> look() {
    const auto recorded = read_lock_holder(options_.directory);
    if (recorded && is_live(recorded->identity)) {
      return schemas::fail(ErrorCode::failed_precondition,
                           "another daemon, process " + std::to_string(recorded->identity.pid) + ", is using " +
                               options_.directory.string(),
                           "stop that one first, or choose another state directory");
    }
    const auto now = std::chrono::steady_clock::now();
    const std::vector<Identity> holders = holders_of(descriptor_, recorded ? recorded->run : std::string());
    tell(holders);
    if (now < kill_at_) return {};
    if (!recorded || now >= kill_at_ + kDyingTime) {
      return schemas::fail(ErrorCode::unavailable, "the lock on " + options_.directory.string() +
                                                       " is held by process " + pids_of(holders) +
                                                       ", left by a daemon that is gone");
    }
    if (!killed_) {
      for (const Identity& holder : holders) kill_exactly(holder);
      killed_ = true;
    }
    return {};
  }

  void tell(const std::vector<Identity>& holders) {
    if (holders == told_ || holders.empty() || !options_.waiting) return;
    told_ = holders;
    options_.waiting("waiting for process " + pids_of(holders) +
                     ", which the former daemon was starting when it died and which has not begun to run");
  }

  const StateLockOptions& options_;
  const int descriptor_;
  const std::chrono::steady_clock::time_point kill_at_;
  bool killed_ = false;
  std::vector<Identity> told_;
};

}  // namespace

Result<LockHolder> read_lock_holder(const std::filesystem::path& directory) {
  std::istringstream text(proc::read_small_file(lock_path(directory)));
  LockHolder holder;
  text >> holder.identity.pid >> holder.identity.start_time >> holder.identity.boot_id >> holder.run;
  if (!text) return schemas::fail(ErrorCode::not_found, lock_path(directory) + " names no daemon");
  return holder;
}

Result<StateLock> StateLock::acquire(const StateLockOptions& options) {
  if (auto made = make_directory(options.directory); !made) return schemas::fail(std::move(made.error()));
  auto file = open_lock(options.directory);
  if (!file) return schemas::fail(std::move(file.error()));
  if (auto waited = HalfDoneWait(options, file->get()).run(); !waited) return schemas::fail(std::move(waited.error()));
  if (auto written = write_holder(file->get(), options.run); !written) {
    return schemas::fail(std::move(written.error()));
  }
  return StateLock(file->release());
}

StateLock::~StateLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace solo::consumers
