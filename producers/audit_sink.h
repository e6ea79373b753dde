// Where the audit's records go: files in STATE (audit_files.h) or a topic (audit_topic.h).
//
// Belongs to the recorder's thread (audit_recorder.h), except condition(), which any thread may call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/result.h"

namespace solo::producers {

class AuditSink {
 public:
  virtual ~AuditSink() = default;

  /// Event buffers, in order. May wait for a disk or a broker; nobody but the recorder waits for it. An error: none of
  /// them counts as written, and they may come again.
  virtual schemas::Result<void> write(const std::vector<std::string>& records) = 0;
  /// When nothing is written for a while: old records go.
  virtual void tidy() {}
  /// Waits a moment for what write() has only handed on.
  virtual void finish() {}

  struct Condition {
    /// Handed on, and not known to be there.
    std::size_t pending = 0;
    /// Handed on, and lost.
    std::uint64_t lost = 0;
    /// Why; empty: all is well.
    std::string trouble;
  };
  virtual Condition condition() const = 0;
};

}  // namespace solo::producers
