#include "producers/genesis.h"

#include <fmt/format.h>

#include "schemas/codec.h"
#include "schemas/crc32c.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr const char* kOtherLogHint =
    "the views were built from another log, or from one that has lost records: bring that log back; or start solod "
    "again, which says from which position FROM on records are lost, and go on without them: "
    "solo view rebuild --accept-lost-tail FROM";

}  // namespace

std::string encode_genesis(const Genesis& genesis, std::int32_t partition, std::int64_t time_us) {
  v1::SystemInitializedT initialized;
  initialized.log_uuid = genesis.log_uuid;
  initialized.format = genesis.format;
  initialized.rules = genesis.rules;
  initialized.partitions = static_cast<std::uint32_t>(genesis.partitions);
  initialized.partition = static_cast<std::uint32_t>(partition);
  initialized.origin = genesis.origin;
  v1::EventT event;
  event.id = fmt::format("genesis-{}", partition);
  event.source = "/logs/" + genesis.log_uuid;
  event.tenant = kGenesisKey;
  event.time = time_us;
  event.payload.Set(std::move(initialized));
  return schemas::encode(event);
}

Result<Genesis> decode_genesis(std::string_view value) {
  const auto event = schemas::view_event(value);
  const auto* initialized = event ? (*event)->payload_as_SystemInitialized() : nullptr;
  if (initialized == nullptr) return fail(ErrorCode::failed_precondition, "not a Solo log: offset 0 does not name one");
  const auto text = [](const flatbuffers::String* string) { return string != nullptr ? string->str() : std::string(); };
  Genesis genesis{text(initialized->log_uuid()), initialized->format(), initialized->rules(),
                  static_cast<std::int32_t>(initialized->partitions()), text(initialized->origin())};
  if (genesis.log_uuid.empty() || genesis.partitions < 1) {
    return fail(ErrorCode::failed_precondition, "not a Solo log: offset 0 names it incompletely");
  }
  if (genesis.format > kLogFormat) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("the log has format {}, this build knows {}", genesis.format, kLogFormat), "upgrade Solo");
  }
  return genesis;
}

Result<void> check_fingerprint(const RecordFingerprint& remembered, const schemas::LogRecord& record) {
  const auto event = schemas::view_event(record.value);
  const std::string_view id = event && (*event)->id() != nullptr ? (*event)->id()->string_view() : std::string_view();
  if (id == remembered.id && schemas::crc32c(record.value) == remembered.crc) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("offset {} of the log is not the record that was applied (remembered `{}`, found `{}`)",
                          schemas::to_string(record.position), remembered.id, id),
              kOtherLogHint);
}

schemas::Error truncated_error(const RecordFingerprint& remembered, std::int32_t partition, std::int64_t end) {
  return {
      ErrorCode::failed_precondition,
      fmt::format("record {}:{} was applied, but the log ends at {}:{}", partition, remembered.offset, partition, end),
      kOtherLogHint};
}

}  // namespace solo::producers
