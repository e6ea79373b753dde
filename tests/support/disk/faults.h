// What a test and the daemon it makes suffer share (shim.cc).
#pragma once

#include <atomic>
#include <cstdint>

namespace solo::testing {

struct DiskFaults {
  /// Writes fail with ENOSPC.
  std::atomic<bool> full;
  /// So many syncs fail with EIO, the next ones first.
  std::atomic<std::int32_t> failing_syncs;
  /// Syncs do not come back.
  std::atomic<bool> held;
};

}  // namespace solo::testing
