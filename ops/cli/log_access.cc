#include "ops/cli/log_access.h"

#include <chrono>
#include <filesystem>
#include <thread>

namespace solo::ops {

schemas::Result<std::unique_ptr<producers::LogInspector>> open_log(const Session& session) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::seconds(3);
  for (;;) {
    auto log = producers::LogInspector::open(std::filesystem::path(session.state_dir()) / "log");
    const bool passing = !log && log.error().retryable;
    if (!passing || steady_clock::now() >= deadline) return log;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace solo::ops
