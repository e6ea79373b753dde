// What the gateway asks of parts it cannot know: consumers implement these, the composition root wires them.
// Every function is thread-safe and returns without waiting for a service or a disk that hangs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "schemas/ids.h"
#include "schemas/result.h"

namespace solo::v1 {
struct HealthReportT;
}

namespace solo::producers {

struct OutputTail {
  /// UTF-8; other bytes are replaced.
  std::string text;
  /// There is more before it.
  bool truncated = false;
};

/// The machine's side of a service.
class HostPort {
 public:
  virtual ~HostPort() = default;
  /// The last `bytes` bytes of what the service printed. not_found: it has never run here.
  virtual schemas::Result<OutputTail> output(const schemas::ServiceKey& service, std::size_t bytes) = 0;
};

/// The daemon's own condition. Fills all it knows but what the gateway itself counts.
class HealthPort {
 public:
  virtual ~HealthPort() = default;
  virtual void fill(v1::HealthReportT& report) = 0;
};

}  // namespace solo::producers
