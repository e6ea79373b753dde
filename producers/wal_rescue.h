// Opening a RocksDB deletes files: the write-ahead log it has recovered from, and every table that its manifest does
// not name, however sound it is. So that nothing is lost to a damaged manifest or a wrong decision, all of them are
// linked aside first; the links are dropped when all acknowledged records turn out to be there, and kept as evidence
// when they are not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "schemas/result.h"

namespace solo::producers {

class WalRescue {
 public:
  /// Links every write-ahead log, table and manifest of the RocksDB in `database` into DIRECTORY/rescue (copies where
  /// links are not possible). What an interrupted recovery left there stays.
  static schemas::Result<WalRescue> begin(const std::filesystem::path& directory,
                                          const std::filesystem::path& database);

  /// Bytes behind the last whole record of the write-ahead logs: half-written or damaged, or behind something that is.
  schemas::Result<std::uint64_t> damaged_bytes() const;

  /// The manifest ends in garbage after a power failure in the middle of a write to it, and RocksDB then opens nothing.
  /// What it depends on is always synced, so a copy without the end takes its place in `database`. How many bytes were
  /// cut; nothing may have it open.
  schemas::Result<std::uint64_t> cut_manifest(const std::filesystem::path& database) const;

  /// Puts the database's files back as begin() found them; nothing may have it open.
  schemas::Result<void> restore(const std::filesystem::path& database) const;

  /// Removes the links.
  schemas::Result<void> drop() const;

  /// Renames them to DIRECTORY/damaged-N and returns that, or the one that holds the same files from an earlier start;
  /// the empty path when there was nothing to keep.
  schemas::Result<std::filesystem::path> keep() const;

 private:
  explicit WalRescue(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path links() const { return directory_ / "rescue"; }

  std::filesystem::path directory_;
};

/// Does the directory hold tables or write-ahead logs of a RocksDB? The first thing a new one gets is its manifest.
schemas::Result<bool> holds_records(const std::filesystem::path& database);

/// How many bytes from the start of a RocksDB write-ahead log are whole records with the right checksums.
/// Format: RocksDB's db/log_format.h (blocks of 32 KiB, a header of 7 bytes before each fragment).
std::size_t sound_wal_prefix(std::string_view wal);

}  // namespace solo::producers
