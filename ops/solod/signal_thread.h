// SIGTERM, SIGINT and SIGHUP on a thread of their own: the first asks for an orderly stop, the second, or a stop that
// takes too long, for an end at once.
//
// Block the signals (block_daemon_signals) before any thread is made.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "consumers/descriptor.h"

namespace solo::ops {

/// In the calling thread and those it makes from here on. SIGPIPE is ignored.
void block_daemon_signals();

class SignalThread {
 public:
  struct Handlers {
    /// With the signal's name.
    std::function<void(const std::string& why)> stop;
    /// Does not return.
    std::function<void(const std::string& why)> abandon;
  };

  /// `patience`: how long a stop may take.
  SignalThread(Handlers handlers, std::chrono::milliseconds patience);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  /// A stop that has another cause began now: it has the same patience.
  void stop_began();

 private:
  void run();
  void on_signal();

  Handlers handlers_;
  std::chrono::milliseconds patience_;
  consumers::Descriptor signals_;
  /// 1: end the thread. 2 and more: a stop began.
  consumers::Descriptor wake_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point deadline_;
  std::thread thread_;
};

}  // namespace solo::ops
