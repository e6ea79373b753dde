// STATE/outbox: observations that were not durable at shutdown, for the next start to send first.
//
// Format: a line `solo-outbox 1 LOG_UUID COUNT`, then COUNT entries: partition, length of key, length of value and
// CRC-32C over key and value (each 4 bytes, little-endian), key, value. Written as a whole and synced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/result.h"

namespace solo::consumers {

struct OutboxEntry {
  std::int32_t partition = 0;
  std::string key;
  /// An Event buffer.
  std::string value;
  bool operator==(const OutboxEntry&) const = default;
};

schemas::Result<void> write_outbox(const std::filesystem::path& path, const std::string& log_uuid,
                                   const std::vector<OutboxEntry>& entries);

/// No file: no entries. data_loss: damaged; failed_precondition: it is of another log.
schemas::Result<std::vector<OutboxEntry>> read_outbox(const std::filesystem::path& path, const std::string& log_uuid);

}  // namespace solo::consumers
