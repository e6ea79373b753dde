#include "consumers/exit_watcher.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "consumers/descendants.h"
#include "consumers/proc.h"
#include "producers/signals.h"

namespace solo::consumers {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kWake = 0;
// How often those are looked at that epoll would not take.
constexpr int kUnwatchedPollMs = 20;
// How long the end of a process waits for the rest of its group, which has been sent SIGKILL, and how often it looks.
constexpr auto kVanishingTime = 1s;
constexpr int kVanishingPollMs = 2;
// A look through /proc may take milliseconds: many ends at once share one, and the pause between two is as long as the
// last one took, within these bounds.
constexpr std::chrono::nanoseconds kShortestLookPause = 1ms;
constexpr std::chrono::nanoseconds kLongestLookPause = 20ms;
// So long others who were asked to end are waited for before that look: they die one after the other. Few of them
// may be those who do not listen.
constexpr std::chrono::nanoseconds kGathering = 20ms;
constexpr std::chrono::nanoseconds kGatheringFew = 2ms;
// Who has not ended by then may never.
constexpr auto kExpected = 100ms;
// While more than so many are to come they are taken in so often: waking up for each takes time from those who die.
constexpr std::size_t kMany = 8;
constexpr int kManyPollMs = 1;

Exit exit_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return Exit{ExitKind::exited, info.si_status};
  if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) return Exit{ExitKind::signaled, info.si_status};
  return Exit{};
}

bool group_is_empty(pid_t group) { return ::kill(-group, 0) != 0 && errno == ESRCH; }

bool has_ended(const Descriptor& pidfd) {
  pollfd poll{pidfd.get(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

// Groups with a member that is no zombie: whoever should reap those may take its time.
std::set<pid_t> live_groups() {
  std::set<pid_t> groups;
  for (const pid_t pid : proc::all_pids()) {
    const auto stat = proc::read_stat(pid);
    if (stat && !proc::has_ended(*stat)) groups.insert(stat->group);
  }
  return groups;
}

}  // namespace

void ExpectedEnds::add(std::size_t count) {
  last_added_.store(Clock::now().time_since_epoch().count());
  count_.fetch_add(count);
}

std::size_t ExpectedEnds::count() const {
  const std::size_t count = count_.load();
  const bool late = Clock::now().time_since_epoch() > Clock::duration(last_added_.load()) + kExpected;
  return late ? 0 : count;
}

void WatchedProcess::note_asked() {
  if (!expected || ending || asked_to_end) return;
  asked_to_end = true;
  expected->add();
}

ExitWatcher::ExitWatcher(std::function<void(pid_t)> before_reaping, EpollControl control)
    : before_reaping_(std::move(before_reaping)),
      control_(std::move(control)),
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
  {
    const std::lock_guard lock(process->mutex);
    process->expected = expected_;
  }
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_number_++;
    watched_.emplace(number, process);
    taken = watch(number, *process);
    if (!taken) unwatched_.insert(number);
  }
  if (!taken) wake();
}

// With the mutex held.
bool ExitWatcher::watch(std::uint64_t number, const WatchedProcess& process) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  return control_(epoll_.get(), EPOLL_CTL_ADD, process.pidfd.get(), &event) == 0;
}

void ExitWatcher::look_at_unwatched() {
  std::vector<std::uint64_t> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto number = unwatched_.begin(); number != unwatched_.end();) {
      const WatchedProcess& process = *watched_.at(*number);
      const bool over = has_ended(process.pidfd);
      if (over) ended.push_back(*number);
      number = over || watch(*number, process) ? unwatched_.erase(number) : std::next(number);
    }
  }
  for (const std::uint64_t number : ended) on_end(number);
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

int ExitWatcher::pause_ms() const {
  if (!vanishing_.empty()) return kVanishingPollMs;
  if (ended_.empty()) {
    const std::lock_guard lock(mutex_);
    return unwatched_.empty() ? -1 : kUnwatchedPollMs;
  }
  const auto left = look_at() - std::chrono::steady_clock::now();
  return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

std::chrono::steady_clock::time_point ExitWatcher::look_at() const {
  const std::size_t expected = expected_->count();
  if (expected == 0) return next_look_;
  return std::max(next_look_, first_ended_ + (expected > kMany ? kGathering : kGatheringFew));
}

void ExitWatcher::run() {
  producers::block_signals();
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), pause_ms());
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
    look_at_unwatched();
    if (!ended_.empty() && std::chrono::steady_clock::now() >= look_at()) bury_ended();
    check_vanishing();
    let_more_end();
  }
}

void ExitWatcher::let_more_end() {
  if (ended_.empty() || expected_->count() <= kMany) return;
  pollfd wait{wake_.get(), POLLIN, 0};
  ::poll(&wait, 1, kManyPollMs);
}

std::shared_ptr<void> ExitWatcher::expect_many() {
  expected_->add(kMany + 1);
  return {this, [expected = expected_](void*) { expected->remove(kMany + 1); }};
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
  if (process->child) ::kill(-process->identity.pid, SIGKILL);
  {
    const std::lock_guard lock(process->mutex);
    process->ending = true;
    if (!process->child) process->gone = true;
    if (process->asked_to_end) expected_->remove();
  }
  if (ended_.empty()) first_ended_ = std::chrono::steady_clock::now();
  ended_.push_back(std::move(process));
}

std::set<pid_t> ExitWatcher::living() const {
  std::set<pid_t> living;
  const std::lock_guard lock(mutex_);
  for (const auto& [number, process] : watched_) living.insert(process->identity.pid);
  return living;
}

void ExitWatcher::bury_ended() {
  std::vector<EndedLeader> leaders;
  for (const auto& process : ended_) leaders.push_back({process->identity, process->marker, process->child});
  std::vector<std::vector<Descriptor>> descendants(ended_.size());
  const auto began = std::chrono::steady_clock::now();
  for (auto& killed : kill_descendants(leaders, living())) {
    descendants[killed.leader].push_back(std::move(killed.pidfd));
  }
  const auto now = std::chrono::steady_clock::now();
  next_look_ = now + std::clamp<std::chrono::nanoseconds>(now - began, kShortestLookPause, kLongestLookPause);
  for (std::size_t at = 0; at < ended_.size(); ++at) {
    if (ended_[at]->child) reap(*ended_[at]);
    Vanishing entry{std::move(ended_[at]), now + kVanishingTime, std::move(descendants[at])};
    if (has_vanished(entry)) {
      report(*entry.process);
    } else {
      vanishing_.push_back(std::move(entry));
    }
  }
  ended_.clear();
}

void ExitWatcher::reap(WatchedProcess& process) {
  const pid_t pid = process.identity.pid;
  const std::lock_guard lock(process.mutex);
  before_reaping_(pid);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0) {
    if (errno != EINTR) break;
  }
  process.gone = true;
  process.end = exit_of(info);
}

bool ExitWatcher::has_vanished(Vanishing& entry) {
  std::erase_if(entry.descendants, [](const Descriptor& pidfd) { return has_ended(pidfd); });
  if (!entry.descendants.empty()) return false;
  return !entry.process->child || group_is_empty(entry.process->identity.pid);
}

void ExitWatcher::check_vanishing() {
  if (vanishing_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  std::optional<std::set<pid_t>> live;
  const auto is_gone = [&](Vanishing& entry) {
    if (has_vanished(entry)) return true;
    if (!entry.descendants.empty()) return false;
    // The number may be another group's by now: it is only asked for, and the wait is bounded.
    if (!live) live = live_groups();
    return !live->contains(entry.process->identity.pid);
  };
  for (auto entry = vanishing_.begin(); entry != vanishing_.end();) {
    if (now < entry->deadline && !is_gone(*entry)) {
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
