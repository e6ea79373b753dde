#include "consumers/exit_watcher.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "consumers/pidfd.h"
#include "consumers/proc.h"
#include "consumers/signals.h"

namespace solo::consumers {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kWake = 0;
// How long the end of a process waits for the rest of its group, which has been sent SIGKILL, and how often it looks.
constexpr auto kVanishingTime = 1s;
constexpr int kVanishingPollMs = 2;

Exit exit_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return Exit{ExitKind::exited, info.si_status};
  if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) return Exit{ExitKind::signaled, info.si_status};
  return Exit{};
}

// A session's number stays taken as long as it has members. So if there is no process of that number, or only its dead
// leader, whoever is in the session is of that leader's.
void kill_session_of(pid_t leader) {
  const auto left = proc::read_stat(leader);
  if (left && left->state != 'Z' && left->state != 'X') return;
  for (const pid_t pid : proc::all_pids()) {
    const auto stat = proc::read_stat(pid);
    if (!stat || stat->session != leader || pid == leader) continue;
    const Descriptor pidfd(::pidfd_open(pid, 0));
    const auto again = proc::read_stat(pid);
    if (!pidfd || !again || again->start_time != stat->start_time || again->session != leader) continue;
    ::pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
  }
}

bool group_is_empty(pid_t group) { return ::kill(-group, 0) != 0 && errno == ESRCH; }

// Groups with a member that is no zombie: whoever should reap those may take its time.
std::set<pid_t> live_groups() {
  std::set<pid_t> groups;
  for (const pid_t pid : proc::all_pids()) {
    const auto stat = proc::read_stat(pid);
    if (stat && stat->state != 'Z' && stat->state != 'X') groups.insert(stat->group);
  }
  return groups;
}

}  // namespace

ExitWatcher::ExitWatcher(std::function<void(pid_t)> before_reaping)
    : before_reaping_(std::move(before_reaping)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  if (!epoll_ || !wake_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot watch processes");
  }
  thread_ = std::thread([this] { run(); });
}

ExitWatcher::~ExitWatcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
}

void ExitWatcher::wake() {
  const std::uint64_t one = 1;
  // A full counter has woken the thread already.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void ExitWatcher::add(const std::shared_ptr<WatchedProcess>& process) {
  const std::lock_guard lock(mutex_);
  epoll_event event{};
  event.events = EPOLLIN;
  const std::uint64_t number = next_number_++;
  event.data.u64 = number;
  watched_.emplace(number, process);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, process->pidfd.get(), &event);
}

void ExitWatcher::tell(const std::shared_ptr<WatchedProcess>& process, ProcessHost::Exited exited) {
  {
    const std::lock_guard lock(process->mutex);
    process->exited = std::move(exited);
    if (!process->over) return;
  }
  {
    const std::lock_guard lock(mutex_);
    to_report_.push_back(process);
  }
  wake();
}

void ExitWatcher::run() {
  block_signals();
  std::array<epoll_event, 64> events;
  for (;;) {
    const int timeout = vanishing_.empty() ? -1 : kVanishingPollMs;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    std::vector<std::shared_ptr<WatchedProcess>> to_report;
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.u64 != kWake) continue;
      std::uint64_t ignored = 0;
      [[maybe_unused]] const ssize_t read = ::read(wake_.get(), &ignored, sizeof ignored);
    }
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      to_report.swap(to_report_);
    }
    for (const auto& process : to_report) report(*process);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
      if (number != kWake) on_end(number);
    }
    check_vanishing();
  }
}

void ExitWatcher::on_end(std::uint64_t number) {
  std::shared_ptr<WatchedProcess> process;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(number);
    if (found == watched_.end()) return;
    process = std::move(found->second);
    watched_.erase(found);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process->pidfd.get(), nullptr);
  }
  if (process->child) {
    bury_child(*process);
    if (!group_is_empty(process->identity.pid)) {
      vanishing_.push_back({std::move(process), std::chrono::steady_clock::now() + kVanishingTime});
      return;
    }
  } else {
    {
      const std::lock_guard lock(process->mutex);
      process->gone = true;
    }
    kill_session_of(process->identity.pid);
  }
  report(*process);
}

void ExitWatcher::bury_child(WatchedProcess& process) {
  const pid_t pid = process.identity.pid;
  const std::lock_guard lock(process.mutex);
  ::kill(-pid, SIGKILL);
  before_reaping_(pid);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0) {
    if (errno != EINTR) break;
  }
  process.gone = true;
  process.end = exit_of(info);
}

void ExitWatcher::check_vanishing() {
  if (vanishing_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  const std::set<pid_t> live = live_groups();
  for (auto entry = vanishing_.begin(); entry != vanishing_.end();) {
    // The number may be another group's by now: it is only asked for, and the wait is bounded.
    if (live.contains(entry->process->identity.pid) && now < entry->deadline) {
      ++entry;
      continue;
    }
    report(*entry->process);
    entry = vanishing_.erase(entry);
  }
}

void ExitWatcher::report(WatchedProcess& process) {
  ProcessHost::Exited exited;
  Exit end;
  {
    const std::lock_guard lock(process.mutex);
    process.over = true;
    end = process.end;
    exited = std::exchange(process.exited, nullptr);
  }
  if (exited) exited(end);
}

}  // namespace solo::consumers
