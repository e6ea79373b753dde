// Signals are the main thread's business.
#pragma once

#include <signal.h>

namespace solo::producers {

/// Blocks every signal in the calling thread; first thing in every thread's function.
inline void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace solo::producers
