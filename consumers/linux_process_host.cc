#include "consumers/linux_process_host.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "consumers/exit_watcher.h"
#include "consumers/pidfd.h"
#include "consumers/proc.h"
#include "consumers/spawner_pool.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

// What a scan waits for processes that are in the middle of their exec.
constexpr std::chrono::seconds kExecTime{2};

bool has_ended(const Descriptor& pidfd) {
  pollfd poll{pidfd.get(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

class LinuxProcess final : public Process {
 public:
  explicit LinuxProcess(std::shared_ptr<WatchedProcess> shared) : shared_(std::move(shared)) {}
  ~LinuxProcess() override {
    const std::lock_guard lock(shared_->mutex);
    shared_->exited = nullptr;
  }

  const Identity& identity() const override { return shared_->identity; }

  bool signal(int number) override { return ::pidfd_send_signal(shared_->pidfd.get(), number, nullptr, 0) == 0; }

  bool signal_group(int number) override {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->gone) return false;
    const pid_t pid = shared_->identity.pid;
    // A child keeps its number until this host reaps it, under this mutex. Another's child keeps it while it lives, and
    // its group's number stays taken for as long as the group has members.
    if (!shared_->child && has_ended(shared_->pidfd)) return false;
    if (::getpgid(pid) != pid) return signal(number);
    return ::kill(-pid, number) == 0;
  }

  const std::shared_ptr<WatchedProcess>& shared() const { return shared_; }

 private:
  std::shared_ptr<WatchedProcess> shared_;
};

std::string pid_text(pid_t pid) { return "process " + std::to_string(pid); }

}  // namespace

struct LinuxProcessHost::Impl {
  explicit Impl(const LinuxProcessHostOptions& options)
      : watcher([this](pid_t child) { children.remove(child); }),
        spawners(children, options.lock_descriptor, options.spawners, options.max_spawners) {}

  // Takes hold of a child that nobody but the watcher reaps.
  Result<std::unique_ptr<Process>> take_child(pid_t pid) {
    auto shared = std::make_shared<WatchedProcess>();
    shared->child = true;
    shared->pidfd = Descriptor(::pidfd_open(pid, 0));
    auto identity = proc::identity_of(pid);
    if (!shared->pidfd || !identity) {
      const int error = errno;
      children.remove(pid);
      kill_and_reap(pid);
      return schemas::fail(ErrorCode::resource_exhausted,
                           "cannot hold " + pid_text(pid) + ": " + std::generic_category().message(error), {}, true);
    }
    shared->identity = std::move(*identity);
    watcher.add(shared);
    return std::make_unique<LinuxProcess>(std::move(shared));
  }

  Children children;
  // The spawners' threads use the watcher, and end first.
  ExitWatcher watcher;
  SpawnerPool spawners;
};

LinuxProcessHost::LinuxProcessHost(const LinuxProcessHostOptions& options) : impl_(std::make_unique<Impl>(options)) {}

LinuxProcessHost::~LinuxProcessHost() = default;

void LinuxProcessHost::spawn(SpawnRequest request, std::chrono::milliseconds timeout, Spawned done) {
  auto spawned = [impl = impl_.get(), done = std::move(done)](Result<pid_t> child) {
    if (!child) return done(schemas::fail(std::move(child.error())));
    done(impl->take_child(*child));
  };
  impl_->spawners.spawn(std::move(request), timeout, std::move(spawned));
}

void LinuxProcessHost::watch(Process& process, Exited exited) {
  const auto& shared = static_cast<LinuxProcess&>(process).shared();
  impl_->watcher.tell(shared, std::move(exited));
  if (!shared->child) impl_->watcher.add(shared);
}

Result<std::unique_ptr<Process>> LinuxProcessHost::adopt(const Identity& identity) {
  if (identity.pid <= 1) return schemas::fail(ErrorCode::not_found, pid_text(identity.pid) + " is none of ours");
  auto shared = std::make_shared<WatchedProcess>();
  shared->pidfd = Descriptor(::pidfd_open(identity.pid, 0));
  if (!shared->pidfd) {
    if (errno == ESRCH || errno == EINVAL) {
      return schemas::fail(ErrorCode::not_found, pid_text(identity.pid) + " has ended");
    }
    return schemas::fail(ErrorCode::resource_exhausted,
                         "cannot hold " + pid_text(identity.pid) + ": " + std::generic_category().message(errno), {},
                         true);
  }
  // Read after pidfd_open: if it agrees now, the pidfd is that process's.
  const auto now = proc::identity_of(identity.pid);
  if (!now || *now != identity) {
    return schemas::fail(ErrorCode::not_found, pid_text(identity.pid) + " is another process by now");
  }
  if (has_ended(shared->pidfd)) return schemas::fail(ErrorCode::not_found, pid_text(identity.pid) + " has ended");
  shared->identity = identity;
  return std::make_unique<LinuxProcess>(std::move(shared));
}

Result<std::vector<FoundProcess>> LinuxProcessHost::scan(const std::string& log, const std::string& node) {
  const std::vector<pid_t> pids = proc::all_pids();
  if (pids.empty()) return schemas::fail(ErrorCode::unavailable, "cannot read /proc");
  std::vector<FoundProcess> found;
  const auto deadline = std::chrono::steady_clock::now() + kExecTime;
  for (const pid_t pid : pids) {
    if (pid == ::getpid()) continue;
    auto marker = proc::marker_of(pid, deadline);
    if (!marker || marker->log != log || marker->node != node) continue;
    const auto stat = proc::read_stat(pid);
    // The pid may have become another's in between; adopt() compares again, so a wrong pair leads nowhere.
    if (!stat || stat->state == 'Z' || stat->state == 'X') continue;
    found.push_back({Identity{pid, stat->start_time, proc::boot_id()}, std::move(*marker), stat->session == pid});
  }
  return found;
}

}  // namespace solo::consumers
