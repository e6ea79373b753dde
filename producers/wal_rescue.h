// RocksDB's recovery rewrites and deletes the write-ahead log it recovers from. So that nothing is lost to a wrong
// decision, its files are linked aside first; they are dropped when all acknowledged records turn out to be there, and
// kept as evidence when they are not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "schemas/result.h"

namespace solo::producers {

class WalRescue {
 public:
  /// Links every write-ahead log of the RocksDB in `database` into DIRECTORY/rescue (copies where links are not
  /// possible). What an interrupted recovery left there stays.
  static schemas::Result<WalRescue> begin(const std::filesystem::path& directory,
                                          const std::filesystem::path& database);

  /// Bytes behind the last whole record of these files: half-written or damaged, or behind something that is.
  schemas::Result<std::uint64_t> damaged_bytes() const;

  /// Removes the links.
  schemas::Result<void> drop() const;

  /// Renames them to DIRECTORY/damaged-N and returns that; the empty path when there was nothing to keep.
  schemas::Result<std::filesystem::path> keep() const;

 private:
  explicit WalRescue(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path links() const { return directory_ / "rescue"; }

  std::filesystem::path directory_;
};

/// How many bytes from the start of a RocksDB write-ahead log are whole records with the right checksums.
/// Format: RocksDB's db/log_format.h (blocks of 32 KiB, a header of 7 bytes before each fragment).
std::size_t sound_wal_prefix(std::string_view wal);

}  // namespace solo::producers
