// Answers for the daemon to systemd while it lives: that it is still starting, how it is, and, for the watchdog, that
// its command socket and its runtime really answer. Does nothing when nobody asked for it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "consumers/runtime.h"
#include "producers/command_client.h"

namespace solo::ops {

/// One thread at a time.
class Supervision {
 public:
  /// `endpoint` is where the daemon takes commands.
  Supervision(consumers::Runtime& runtime, std::string endpoint);

  /// How often beat() is to be called; nothing: never.
  std::chrono::milliseconds interval() const { return interval_; }

  /// Asks the parts, which may take as long as interval(), and tells what they said.
  void beat();

 private:
  bool gateway_answers();

  consumers::Runtime& runtime_;
  std::string endpoint_;
  bool watched_ = false;
  std::chrono::milliseconds interval_{0};
  std::unique_ptr<producers::CommandClient> client_;
  std::string told_;
};

}  // namespace solo::ops
