#include "producers/log_scrub.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace solo::producers {
namespace {

using std::chrono::steady_clock;

/// Not the idle class: who waits for the log to be reopened must not wait until every disk is idle.
void lower_input_priority() {
  // As ioprio_set(2) has them: <linux/ioprio.h> of Linux 6.1.192 names a parameter `class` and is no C++ any more.
  constexpr int kWhoProcess = 1;
  constexpr int kThisThread = 0;
  constexpr int kBestEffort = 2;
  constexpr int kClassShift = 13;
  constexpr int kLowest = 7;
  (void)::syscall(SYS_ioprio_set, kWhoProcess, kThisThread, kBestEffort << kClassShift | kLowest);
}

}  // namespace

LogScrub::LogScrub(std::int64_t end, ScrubPace pace, Check check, Ended ended)
    : end_(end), pace_(pace), check_(std::move(check)), ended_(std::move(ended)), thread_([this] { run(); }) {}

LogScrub::~LogScrub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  thread_.join();
}

void LogScrub::run() {
  lower_input_priority();
  constexpr std::size_t kAnyNumber = 100'000;
  for (std::int64_t next = 0; next < end_;) {
    const auto checked = check_({next, end_, kAnyNumber, pace_.chunk_bytes});
    if (!checked) return ended_(schemas::fail(checked.error()));
    next = checked->end;
    const auto seconds = static_cast<double>(checked->bytes) / static_cast<double>(pace_.bytes_per_second);
    if (!rest(std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds)))) return;
  }
  ended_({});
}

bool LogScrub::rest(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  return !stopping_changed_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace solo::producers
