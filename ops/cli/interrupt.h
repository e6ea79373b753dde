// Ctrl-C for commands that have something to clean up: noticed between two steps instead of ending the process.
#pragma once

#include <signal.h>

#include <chrono>

namespace solo::ops {

/// Blocks SIGINT, SIGTERM and SIGHUP in this thread and those made later, and ignores SIGPIPE.
class Interrupt {
 public:
  Interrupt() {
    sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, number);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }

  /// Has one come, or does one come within `patience`?
  bool came(std::chrono::milliseconds patience = {}) {
    const timespec wait{patience.count() / 1000, (patience.count() % 1000) * 1'000'000};
    came_ = came_ || sigtimedwait(&set_, nullptr, &wait) > 0;
    return came_;
  }

 private:
  sigset_t set_{};
  bool came_ = false;
};

/// As a shell has it for SIGINT.
inline constexpr int kInterrupted = 130;

}  // namespace solo::ops
