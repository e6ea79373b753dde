#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "ops/closed_memory.h"
#include "ops/logging.h"
#include "ops/solod/daemon.h"
#include "ops/solod/options.h"
#include "ops/solod/signal_thread.h"
#include "ops/standard_streams.h"

namespace {

/// What a stop may take beyond its deadline before the daemon is ended.
constexpr std::chrono::milliseconds kSlack{2'000};

/// Standard streams that are open, and nothing else that a child could inherit.
void tidy_descriptors() {
  solo::ops::open_standard_streams(O_RDWR);
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/// Clients and services need one each: as many as may be.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const std::vector<std::string>& arguments) {
  auto line = solo::ops::read_daemon_options(arguments, [](const std::string& name) { return getenv(name.c_str()); });
  if (!line) {
    fmt::print(stderr, "solod: {}\n", line.error().message);
    if (!line.error().hint.empty()) fmt::print(stderr, "solod: hint: {}\n", line.error().hint);
    return 2;
  }
  if (line->wish == solo::ops::DaemonCommandLine::Wish::print) {
    fmt::print("{}", line->text);
    return 0;
  }
  const auto& config = line->options.config;
  solo::ops::start_logging(config.logging.level, config.logging.format);
  const std::chrono::milliseconds patience(config.shutdown.deadline_ms + static_cast<std::uint64_t>(kSlack.count()));
  std::unique_ptr<solo::ops::SignalThread> signals;
  solo::ops::Daemon daemon(std::move(line->options), [&] { signals->stop_began(); });
  signals = std::make_unique<solo::ops::SignalThread>(
      solo::ops::SignalThread::Handlers{[&](const std::string& why) { daemon.request_stop(why); },
                                        [&](const std::string& why) { daemon.abandon(why); }},
      patience);
  const int status = daemon.run();
  signals.reset();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  tidy_descriptors();
  raise_descriptor_limit();
  solo::ops::close_memory_to_others();
  solo::ops::block_daemon_signals();
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::system_error& error) {
    fmt::print(stderr, "solod: {}\n", error.what());
    if (error.code() == std::errc::resource_unavailable_try_again) {
      fmt::print(
          stderr,
          "solod: hint: no more threads may be started: raise the limit of its user (ulimit -u) or of its control "
          "group (pids.max, TasksMax= of the unit)\n");
    }
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "solod: internal error: {}\n", error.what());
    return 1;
  }
}
