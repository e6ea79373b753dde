#include "consumers/spawner_pool.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "consumers/proc.h"
#include "consumers/spawn_command.h"
#include "consumers/start_thread.h"
#include "producers/signals.h"
#include "schemas/crash_point.h"

namespace solo::consumers {

namespace {

using namespace std::chrono_literals;
using schemas::ErrorCode;

// A spawn takes about a millisecond; a thread that needs this long for one is held up.
constexpr auto kHeldUp = 50ms;
// Until a killed child is gone, and between attempts at a program that is still being written (ETXTBSY).
constexpr auto kRecheck = 5ms;

}  // namespace

void kill_and_reap(pid_t child) {
  ::kill(-child, SIGKILL);
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

SpawnerPool::SpawnerPool(Children& children, const std::string& run, int lock_descriptor, std::size_t spawners,
                         std::size_t max_spawners)
    : children_(children),
      name_(proc::spawner_name(run)),
      lock_descriptor_(lock_descriptor),
      max_spawners_(std::max(spawners, max_spawners)) {
  const std::lock_guard lock(mutex_);
  watchdog_at_ = TimePoint::max();
  for (std::size_t i = 0; i < std::max<std::size_t>(spawners, 1); ++i) add_slot();
  if (slots_.empty()) {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "no thread for starts");
  }
  watchdog_ = std::thread([this] { watch(); });
}

SpawnerPool::~SpawnerPool() {
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    left.swap(queue_);
    for (const auto& slot : slots_) slot->deadline = TimePoint::min();
  }
  work_ready_.notify_all();
  stopping_.notify_all();
  watchdog_wake_.notify_all();
  for (Job& job : left) job.done(schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true));
  // The watchdog ends last: until then it frees the threads that are held up.
  for (const auto& slot : slots_) slot->thread.join();
  {
    const std::lock_guard lock(mutex_);
    slots_.clear();
  }
  watchdog_wake_.notify_all();
  watchdog_.join();
}

void SpawnerPool::spawn(SpawnRequest request, std::chrono::milliseconds timeout, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_) {
      queue_.push_back(Job{std::move(request), timeout, std::move(done)});
      work_ready_.notify_one();
      arm_watchdog();
      return;
    }
  }
  done(schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true));
}

void SpawnerPool::add_slot() {
  auto slot = std::make_unique<Slot>();
  auto thread = start_thread([this, &slot = *slot] { work(slot); });
  if (!thread) return;
  slot->thread = *std::move(thread);
  slots_.push_back(std::move(slot));
}

void SpawnerPool::work(Slot& slot) {
  producers::block_signals();
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  slot.tid = ::gettid();
  for (;;) {
    ++idle_;
    work_ready_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    --idle_;
    if (stop_) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    slot.since = std::chrono::steady_clock::now();
    slot.deadline = slot.since + job.timeout;
    slot.killed = false;
    slot.busy = true;
    arm_watchdog();
    lock.unlock();
    run(slot, job);
    lock.lock();
  }
}

void SpawnerPool::run(Slot& slot, Job& job) {
  for (;;) {
    int error_number = 0;
    auto spawned = spawn_once(slot, job, error_number);
    const bool still_written = !spawned && error_number == ETXTBSY;
    std::unique_lock lock(mutex_);
    if (still_written && !stop_ && std::chrono::steady_clock::now() < slot.deadline) {
      stopping_.wait_for(lock, kRecheck, [&] { return stop_; });
      continue;
    }
    slot.busy = false;
    lock.unlock();
    job.done(std::move(spawned));
    return;
  }
}

schemas::Result<pid_t> SpawnerPool::spawn_once(Slot& slot, const Job& job, int& error_number) {
  pid_t child = 0;
  schemas::crash_point("spawning");
  error_number = spawn_command(job.request, lock_descriptor_, &child);
  schemas::crash_point("spawned");
  bool killed = false;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    killed = slot.killed;
    stopping = stop_;
    if (error_number == 0 && !killed) children_.add(child);
  }
  if (!killed) {
    if (error_number == 0) return child;
    return schemas::fail(spawn_error(job.request, error_number));
  }
  if (error_number == 0) kill_and_reap(child);
  if (stopping) return schemas::fail(ErrorCode::unavailable, "the daemon is stopping", {}, true);
  std::ostringstream message;
  message << "cannot start " << job.request.argv.front() << ": not running after " << job.timeout.count()
          << " ms (its program, directory or output hangs)";
  return schemas::fail(ErrorCode::deadline_exceeded, message.str(), {}, true);
}

SpawnerPool::TimePoint SpawnerPool::next_check(TimePoint now) const {
  TimePoint next = TimePoint::max();
  TimePoint longest = now;
  bool all_busy = true;
  for (const auto& slot : slots_) {
    all_busy = all_busy && slot->busy;
    if (!slot->busy) continue;
    longest = std::max(longest, slot->since + kHeldUp);
    next = std::min(next, slot->killed ? TimePoint::max() : slot->deadline);
  }
  if (all_busy && !queue_.empty() && slots_.size() < max_spawners_) next = std::min(next, longest);
  return std::max(next, now + kRecheck);
}

void SpawnerPool::arm_watchdog() {
  if (next_check(std::chrono::steady_clock::now()) < watchdog_at_) watchdog_wake_.notify_one();
}

void SpawnerPool::watch() {
  producers::block_signals();
  std::unique_lock lock(mutex_);
  while (!(stop_ && slots_.empty())) {
    const TimePoint now = std::chrono::steady_clock::now();
    bool all_held_up = true;
    for (const auto& slot : slots_) {
      if (slot->busy && !slot->killed && slot->deadline <= now) slot->killed = kill_half_spawned(*slot);
      all_held_up = all_held_up && slot->busy && slot->since + kHeldUp <= now;
    }
    if (all_held_up && !queue_.empty() && !stop_ && slots_.size() < max_spawners_) add_slot();
    watchdog_at_ = next_check(now);
    if (watchdog_at_ == TimePoint::max()) {
      watchdog_wake_.wait(lock);
    } else {
      watchdog_wake_.wait_until(lock, watchdog_at_);
    }
  }
}

bool SpawnerPool::kill_half_spawned(const Slot& slot) {
  // The thread is inside posix_spawn, or has not yet taken the mutex after it: nobody else reaps its child, so the pid
  // is still the child's.
  std::istringstream children(proc::read_small_file("/proc/self/task/" + std::to_string(slot.tid) + "/children"));
  bool found = false;
  for (pid_t child = 0; children >> child;) {
    // With its exec a child takes another name.
    const auto stat = proc::read_stat(child);
    if (children_.has(child) || !stat || stat->name != name_) continue;
    ::kill(child, SIGKILL);
    found = true;
  }
  return found;
}

}  // namespace solo::consumers
