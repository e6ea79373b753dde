#include "producers/record_format.h"

#include <fmt/format.h>

#include <concepts>

#include "schemas/crc32c.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

template <std::unsigned_integral Number>
void put(Number number, char* at) {
  for (std::size_t byte = sizeof(Number); byte > 0; --byte, number = static_cast<Number>(number >> 8)) {
    at[byte - 1] = static_cast<char>(number & 0xff);
  }
}

template <std::unsigned_integral Number>
Number get(const char* at) {
  Number number = 0;
  for (std::size_t byte = 0; byte < sizeof(Number); ++byte) {
    number = static_cast<Number>(number << 8 | static_cast<unsigned char>(at[byte]));
  }
  return number;
}

constexpr std::size_t kTimestampAt = 4;
constexpr std::size_t kKeyLengthAt = 12;

}  // namespace

std::array<char, kOffsetBytes> encode_offset(std::int64_t offset) {
  std::array<char, kOffsetBytes> bytes{};
  put(static_cast<std::uint64_t>(offset), bytes.data());
  return bytes;
}

Result<std::int64_t> decode_offset(std::string_view bytes) {
  const auto offset = bytes.size() == kOffsetBytes ? static_cast<std::int64_t>(get<std::uint64_t>(bytes.data())) : -1;
  if (offset < 0) return fail(ErrorCode::data_loss, "the log holds a key that is not an offset");
  return offset;
}

std::array<char, kRecordHeaderBytes> encode_header(std::int64_t offset, std::int64_t timestamp, std::string_view key,
                                                   std::string_view value) {
  std::array<char, kRecordHeaderBytes> header{};
  put(static_cast<std::uint64_t>(timestamp), header.data() + kTimestampAt);
  put(static_cast<std::uint32_t>(key.size()), header.data() + kKeyLengthAt);
  const auto position = encode_offset(offset);
  auto crc = schemas::crc32c({position.data(), position.size()});
  crc = schemas::crc32c({header.data() + kTimestampAt, kRecordHeaderBytes - kTimestampAt}, crc);
  crc = schemas::crc32c(value, schemas::crc32c(key, crc));
  put(crc, header.data());
  return header;
}

Result<LogRecord> decode_record(std::int64_t offset, std::string_view stored) {
  const auto damaged = [&](std::string_view how) {
    return fail(ErrorCode::data_loss, fmt::format("record {} of the log is damaged: {}", offset, how));
  };
  if (stored.size() < kRecordHeaderBytes) return damaged("it is too short");
  const auto position = encode_offset(offset);
  const auto crc = schemas::crc32c(stored.substr(kTimestampAt), schemas::crc32c({position.data(), position.size()}));
  if (crc != get<std::uint32_t>(stored.data())) return damaged("its CRC does not agree");
  const auto key_length = get<std::uint32_t>(stored.data() + kKeyLengthAt);
  const auto body = stored.substr(kRecordHeaderBytes);
  if (key_length > body.size()) return damaged("its key is longer than itself");
  return LogRecord{{0, offset},
                   static_cast<std::int64_t>(get<std::uint64_t>(stored.data() + kTimestampAt)),
                   std::string(body.substr(0, key_length)),
                   std::string(body.substr(key_length))};
}

}  // namespace solo::producers
