// Threads beyond the ones that a part cannot do without: none is started where the machine or a limit allows no more.
#pragma once

#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace solo::consumers {

/// Nothing: the system has no room for one more just now (RLIMIT_NPROC, pids.max, memory).
template <class Function>
std::optional<std::thread> start_thread(Function function) {
  try {
    return std::thread(std::move(function));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace solo::consumers
