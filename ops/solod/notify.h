// What systemd is told (sd_notify(3)); nothing happens when nobody asked for it. Thread-safe.
#pragma once

#include <chrono>
#include <string>

namespace solo::ops {

/// Is somebody there to be told?
bool notify_wanted();

void notify_status(const std::string& status);
/// Still starting; it may take `more` from now.
void notify_starting(const std::string& status, std::chrono::milliseconds more);
void notify_ready(const std::string& status);
/// Stopping; it may take `most` from now.
void notify_stopping(std::chrono::milliseconds most);

/// Within which time alive() is to be told again; 0: never.
std::chrono::milliseconds watchdog_interval();
void notify_alive();

}  // namespace solo::ops
