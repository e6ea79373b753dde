#include "consumers/linux_process_host.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "consumers/exit_watcher.h"
#include "consumers/pidfd.h"
#include "consumers/proc.h"
#include "consumers/spawner_pool.h"
#include "consumers/start_thread.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

// What a scan waits for processes that are in the middle of their exec.
constexpr std::chrono::seconds kExecTime{2};
// Looking at so many processes takes several times what starting a thread does.
constexpr std::size_t kPidsPerThread = 100;

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
    const bool leads = ::getpgid(pid) == pid;
    const bool sent = leads ? ::kill(-pid, number) == 0 : signal(number);
    if (sent && (number == SIGTERM || number == SIGKILL)) shared_->note_asked();
    return sent;
  }

  bool is_ending() const override {
    const std::lock_guard lock(shared_->mutex);
    return shared_->ending;
  }

  const std::shared_ptr<WatchedProcess>& shared() const { return shared_; }

 private:
  std::shared_ptr<WatchedProcess> shared_;
};

std::optional<Marker> marker_in(const std::vector<std::string>& environment) {
  std::string block;
  for (const std::string& entry : environment) block.append(entry).append(1, '\0');
  return proc::parse_marker(block);
}

using TimePoint = std::chrono::steady_clock::time_point;

// One process, if it bears a marker of this log and node; without a node, of any, and a damaged one, too.
std::optional<FoundProcess> look_at(pid_t pid, const std::string& log, const std::string& node, TimePoint deadline) {
  // Before its environment: adopt() compares the start time again, so what was read in between was that process's.
  const auto stat = proc::read_stat(pid);
  if (!stat || proc::has_ended(*stat)) return std::nullopt;
  auto marks = proc::marks_of(pid, deadline);
  if (!marks || marks->marker.log != log) return std::nullopt;
  if (!node.empty() && (!marks->damage.empty() || marks->marker.node != node)) return std::nullopt;
  return FoundProcess{Identity{pid, stat->start_time, proc::boot_id()}, std::move(marks->marker), stat->session == pid,
                      std::move(marks->damage)};
}

// All processes but this one, looked at by as many threads as are worth their start. Ascending by pid.
template <class Found, class Look>
Result<std::vector<Found>> scan_with(const Look& look) {
  const std::vector<pid_t> pids = proc::user_pids();
  if (pids.empty()) return schemas::fail(ErrorCode::unavailable, "cannot read /proc");
  const TimePoint deadline = std::chrono::steady_clock::now() + kExecTime;
  std::vector<std::optional<Found>> looked(pids.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t at = next++; at < pids.size(); at = next++) {
      if (pids[at] != ::getpid()) looked[at] = look(pids[at], deadline);
    }
  };
  {
    const std::size_t cores = std::max(std::thread::hardware_concurrency(), 1U);
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < std::min(cores, pids.size() / kPidsPerThread + 1); ++i) {
      if (auto helper = start_thread(work)) helpers.push_back(*std::move(helper));
    }
    work();
    for (std::thread& helper : helpers) helper.join();
  }
  std::vector<Found> found;
  for (auto& one : looked) {
    if (one) found.push_back(*std::move(one));
  }
  return found;
}

std::string pid_text(pid_t pid) { return "process " + std::to_string(pid); }

}  // namespace

struct LinuxProcessHost::Impl {
  explicit Impl(const LinuxProcessHostOptions& options)
      : watcher([this](pid_t child) { children.remove(child); }),
        spawners(children, options.run, options.lock_descriptor, options.spawners, options.max_spawners) {}

  // Takes hold of a child that nobody but the watcher reaps.
  Result<std::unique_ptr<Process>> take_child(pid_t pid, std::optional<Marker> marker) {
    auto shared = std::make_shared<WatchedProcess>();
    shared->child = true;
    shared->marker = std::move(marker);
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
  auto spawned = [impl = impl_.get(), done = std::move(done),
                  marker = marker_in(request.environment)](Result<pid_t> child) {
    if (!child) return done(schemas::fail(std::move(child.error())));
    done(impl->take_child(*child, marker));
  };
  impl_->spawners.spawn(std::move(request), timeout, std::move(spawned));
}

void LinuxProcessHost::watch(Process& process, Exited exited) {
  const auto& shared = static_cast<LinuxProcess&>(process).shared();
  impl_->watcher.tell(shared, std::move(exited));
  if (!shared->child) impl_->watcher.add(shared);
}

std::shared_ptr<void> LinuxProcessHost::asking_many_to_end() { return impl_->watcher.expect_many(); }

Result<std::unique_ptr<Process>> LinuxProcessHost::adopt(const Identity& identity, std::optional<Marker> marker) {
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
  shared->marker = std::move(marker);
  return std::make_unique<LinuxProcess>(std::move(shared));
}

Result<FoundProcess> LinuxProcessHost::look_up(const Identity& identity) {
  // Held while it is looked at, so that all that is read is of the same process.
  const auto held = adopt(identity, std::nullopt);
  if (!held) return schemas::fail(held.error());
  auto marker = proc::marker_of(identity.pid, std::chrono::steady_clock::now() + kExecTime);
  const auto stat = proc::read_stat(identity.pid);
  if (!marker || !stat || stat->start_time != identity.start_time) {
    return schemas::fail(ErrorCode::not_found, pid_text(identity.pid) + " bears no marker of a service");
  }
  return FoundProcess{identity, std::move(*marker), stat->session == identity.pid};
}

Result<std::vector<FoundProcess>> LinuxProcessHost::scan(const std::string& log, const std::string& node) {
  return scan_with<FoundProcess>([&](pid_t pid, TimePoint deadline) { return look_at(pid, log, node, deadline); });
}

Result<std::vector<HeldProcess>> LinuxProcessHost::scan_and_hold(const std::string& log, const std::string& node) {
  return scan_with<HeldProcess>([&](pid_t pid, TimePoint deadline) -> std::optional<HeldProcess> {
    // Held first and alive afterwards: what was read in between is all of this process.
    auto shared = std::make_shared<WatchedProcess>();
    shared->pidfd = Descriptor(::pidfd_open(pid, 0));
    const bool held = static_cast<bool>(shared->pidfd);
    if (!held && (errno == ESRCH || errno == EINVAL)) return std::nullopt;
    auto found = look_at(pid, log, node, deadline);
    if (!found || (held && has_ended(shared->pidfd))) return std::nullopt;
    shared->identity = found->identity;
    shared->marker = found->marker;
    return HeldProcess{*std::move(found), held ? std::make_unique<LinuxProcess>(std::move(shared)) : nullptr};
  });
}

}  // namespace solo::consumers
