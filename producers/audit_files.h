// The audit when there is no broker: files in STATE/audit, and how they are read.
//
// A file is named by the offset of its first record, twenty digits, and holds records one behind the other: size,
// CRC-32C of the value (both 32 bits, little-endian), value (an Event buffer). Files are appended to and removed whole,
// the oldest first, when the last record in them is older than `retention` or all together are larger than `max_bytes`.
// Each start of the daemon, and each failed write, begins a new file.
//
// Durability: a batch is synced when write() returns. What a crash leaves half written at a file's end is passed over
// by readers. Any number of processes may read while one writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "producers/audit_sink.h"
#include "producers/clock.h"
#include "producers/event_log.h"
#include "producers/file_io.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

struct AuditFilesOptions {
  /// STATE/audit. Made, for its owner alone, by the first record.
  std::filesystem::path directory;
  std::chrono::seconds retention{30 * 24 * 3'600};
  std::uint64_t max_bytes = std::uint64_t{256} * 1024 * 1024;
  std::uint64_t max_file_bytes = std::uint64_t{4} * 1024 * 1024;
  /// A file takes records for no longer: so the last record's age is that of the file within this.
  std::chrono::seconds max_file_age{24 * 3'600};
  /// Nothing is written while the file system has less room: the log needs it.
  std::uint64_t min_free_bytes = std::uint64_t{64} * 1024 * 1024;
};

class AuditFiles final : public AuditSink {
 public:
  /// Borrows the clock.
  AuditFiles(AuditFilesOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  /// resource_exhausted: no room; others as the file system says. Nothing is lost: the next write begins a new file.
  schemas::Result<void> write(const std::vector<std::string>& records) override;
  void tidy() override;
  Condition condition() const override { return {}; }

 private:
  schemas::Result<void> open_file();
  schemas::Result<void> append(const std::vector<std::string>& records);
  void remove_old();

  AuditFilesOptions options_;
  const Clock& clock_;
  FileDescriptor file_{-1};
  std::filesystem::path path_;
  std::chrono::steady_clock::time_point opened_;
  std::chrono::steady_clock::time_point tidied_;
  std::uint64_t size_ = 0;
  std::int64_t next_offset_ = 0;
};

/// The offsets there are; [0, 0): there is no audit.
schemas::Result<Bounds> audit_bounds(const std::filesystem::path& directory);
/// At most `count` records from an offset on, in order. data_loss: a record is damaged; what is behind it in its file
/// cannot be read, `offset` of the next file can.
schemas::Result<std::vector<schemas::LogRecord>> read_audit(const std::filesystem::path& directory, std::int64_t from,
                                                            std::size_t count);

}  // namespace solo::producers
