// What systemd is told (sd_notify(3)); nothing happens when nobody asked for it. Thread-safe.
#pragma once

#include <string>

namespace solo::ops {

void notify_status(const std::string& status);
void notify_ready(const std::string& status);
void notify_stopping();

}  // namespace solo::ops
