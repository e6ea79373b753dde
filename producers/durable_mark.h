// The file that remembers how far the embedded log was acknowledged, so that a log which lost its end is told from one
// that merely stops there.
//
// It is mapped: telling it costs a store, and what it was told survives the process at once. sync() brings it to
// the disk, so after a power failure it may be as old as the last sync(): it then vouches for less, never for more.
//
// The file (128 bytes, little-endian): 0 "SOLOMARK" | 8 version, 4 bytes | 12 CRC-32C over bytes 0-11 and 16-51 |
// 16 the log's uuid, 36 bytes | 64 end, 8 bytes | 72 state, 8 bytes: 0 open, 1 closed in order.
//
// Threads: advance() belongs to one thread; end() and sync() may be called from any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::producers {

class DurableMark {
 public:
  /// Nothing: there is no such file. data_loss: it is not a mark, or a damaged one.
  static schemas::Result<std::unique_ptr<DurableMark>> open(const std::filesystem::path& path);
  /// For another process than the one that writes it.
  static schemas::Result<std::unique_ptr<DurableMark>> open_read_only(const std::filesystem::path& path);
  /// A new one, on the disk when this returns; takes the place of what was there.
  static schemas::Result<std::unique_ptr<DurableMark>> create(const std::filesystem::path& path,
                                                              std::string_view log_uuid);
  ~DurableMark();
  DurableMark(const DurableMark&) = delete;
  DurableMark& operator=(const DurableMark&) = delete;

  const std::string& log_uuid() const { return log_uuid_; }

  /// Every record before this offset was acknowledged.
  std::int64_t end() const;
  /// Never moves back.
  void advance(std::int64_t end);

  bool closed_in_order() const;
  /// On the disk when this returns.
  schemas::Result<void> set_closed_in_order(bool closed);

  schemas::Result<void> sync();

 private:
  DurableMark(void* map, std::string log_uuid) : map_(map), log_uuid_(std::move(log_uuid)) {}
  static schemas::Result<std::unique_ptr<DurableMark>> map(const std::filesystem::path& path, bool writable);

  void* map_;
  std::string log_uuid_;
};

}  // namespace solo::producers
