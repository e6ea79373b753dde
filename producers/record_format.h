// How a record of the embedded log lies in RocksDB. All numbers big-endian.
//
//   key    offset (8 bytes), so that RocksDB's order is the log's
//   value  CRC-32C (4) | timestamp (8) | length of the key (4) | key | value
//
// The CRC covers the offset and everything behind the CRC itself: a record that was moved is as damaged as one that was
// changed. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

inline constexpr std::size_t kOffsetBytes = 8;
inline constexpr std::size_t kRecordHeaderBytes = 16;

std::array<char, kOffsetBytes> encode_offset(std::int64_t offset);

/// data_loss: not an offset.
schemas::Result<std::int64_t> decode_offset(std::string_view bytes);

/// What stands in front of the record's key and value.
std::array<char, kRecordHeaderBytes> encode_header(std::int64_t offset, std::int64_t timestamp, std::string_view key,
                                                   std::string_view value);

/// data_loss: the record is damaged; the message names its offset.
schemas::Result<schemas::LogRecord> decode_record(std::int64_t offset, std::string_view stored);

}  // namespace solo::producers
