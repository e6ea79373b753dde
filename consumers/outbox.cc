#include "consumers/outbox.h"

#include <array>
#include <optional>
#include <sstream>
#include <string_view>

#include "consumers/files.h"
#include "schemas/crc32c.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

constexpr std::string_view kMagic = "solo-outbox";
constexpr std::size_t kNumberBytes = 4;

void put_number(std::string& bytes, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
}

std::optional<std::uint32_t> take_number(std::string_view& bytes) {
  if (bytes.size() < kNumberBytes) return std::nullopt;
  std::uint32_t number = 0;
  for (unsigned i = 0; i < kNumberBytes; ++i) {
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  bytes.remove_prefix(kNumberBytes);
  return number;
}

std::string take_text(std::string_view& bytes, std::size_t size) {
  std::string text(bytes.substr(0, size));
  bytes.remove_prefix(text.size());
  return text;
}

std::uint32_t crc_of(const OutboxEntry& entry) { return schemas::crc32c(entry.value, schemas::crc32c(entry.key)); }

std::optional<OutboxEntry> take_entry(std::string_view& bytes) {
  const auto partition = take_number(bytes);
  const auto key_size = take_number(bytes);
  const auto value_size = take_number(bytes);
  const auto crc = take_number(bytes);
  if (!partition || !key_size || !value_size || !crc) return std::nullopt;
  if (bytes.size() < std::uint64_t{*key_size} + *value_size) return std::nullopt;
  OutboxEntry entry;
  entry.partition = static_cast<std::int32_t>(*partition);
  entry.key = take_text(bytes, *key_size);
  entry.value = take_text(bytes, *value_size);
  if (crc_of(entry) != *crc) return std::nullopt;
  return entry;
}

}  // namespace

Result<void> write_outbox(const std::filesystem::path& path, const std::string& log_uuid,
                          const std::vector<OutboxEntry>& entries) {
  std::ostringstream header;
  header << kMagic << " 1 " << log_uuid << ' ' << entries.size() << '\n';
  std::string bytes = header.str();
  for (const OutboxEntry& entry : entries) {
    put_number(bytes, static_cast<std::uint32_t>(entry.partition));
    put_number(bytes, static_cast<std::uint32_t>(entry.key.size()));
    put_number(bytes, static_cast<std::uint32_t>(entry.value.size()));
    put_number(bytes, crc_of(entry));
    bytes += entry.key;
    bytes += entry.value;
  }
  return write_file(path, bytes, 0600);
}

Result<std::vector<OutboxEntry>> read_outbox(const std::filesystem::path& path, const std::string& log_uuid) {
  auto content = read_file(path);
  std::vector<OutboxEntry> entries;
  if (!content && content.error().code == ErrorCode::not_found) return entries;
  if (!content) return schemas::fail(std::move(content.error()));
  std::string_view bytes = *content;
  const std::size_t line_end = bytes.find('\n');
  std::istringstream header{std::string(bytes.substr(0, line_end))};
  std::string magic;
  std::string uuid;
  int version = 0;
  std::size_t count = 0;
  header >> magic >> version >> uuid >> count;
  if (!header || line_end == std::string_view::npos || magic != kMagic || version != 1) {
    return schemas::fail(ErrorCode::data_loss, path.string() + " is not an outbox");
  }
  if (uuid != log_uuid) {
    return schemas::fail(ErrorCode::failed_precondition, path.string() + " belongs to the log " + uuid);
  }
  bytes.remove_prefix(line_end + 1);
  while (entries.size() < count) {
    auto entry = take_entry(bytes);
    if (!entry) {
      return schemas::fail(ErrorCode::data_loss,
                           path.string() + " is damaged at its entry " + std::to_string(entries.size()));
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace solo::consumers
