#include "ops/solod/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>

namespace solo::ops {
namespace {

std::int64_t microseconds(std::chrono::milliseconds time) { return std::chrono::microseconds(time).count(); }

}  // namespace

bool notify_wanted() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void notify_status(const std::string& status) { sd_notify(0, ("STATUS=" + status).c_str()); }

void notify_starting(const std::string& status, std::chrono::milliseconds more) {
  sd_notify(0, fmt::format("STATUS={}\nEXTEND_TIMEOUT_USEC={}", status, microseconds(more)).c_str());
}

void notify_ready(const std::string& status) { sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }

void notify_stopping(std::chrono::milliseconds most) {
  sd_notify(0, fmt::format("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC={}", microseconds(most)).c_str());
}

std::chrono::milliseconds watchdog_interval() {
  std::uint64_t interval = 0;
  if (sd_watchdog_enabled(0, &interval) <= 0) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(interval));
}

void notify_alive() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace solo::ops
