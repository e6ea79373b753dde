// Values of the view store and back: FlatBuffers, for the domain entries with the entry's hash in front. Pure.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "projections/digest.h"
#include "schemas/fingerprint.h"
#include "schemas/schemas.h"

namespace solo::projections {

/// Packs values, keeping its memory from one to the next. What pack() returns is valid until the next call.
class Packer {
 public:
  template <class Native>
  std::string_view pack(const Native& value) {
    builder_.Clear();
    builder_.Finish(Native::TableType::Pack(builder_, &value));
    return std::string_view(reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize());
  }

 private:
  flatbuffers::FlatBufferBuilder builder_;
};

/// The table in a stored value; nothing: it is damaged.
template <class Table>
const Table* view_table(std::string_view buffer) {
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(buffer.data()), buffer.size());
  return verifier.VerifyBuffer<Table>(nullptr) ? flatbuffers::GetRoot<Table>(buffer.data()) : nullptr;
}

template <class Native>
std::optional<Native> unpack(std::string_view buffer) {
  const auto* table = view_table<typename Native::TableType>(buffer);
  if (table == nullptr) return std::nullopt;
  std::optional<Native> value(std::in_place);
  table->UnPackTo(&*value);
  return value;
}

inline constexpr std::size_t kHashBytes = 16;

/// A domain entry's value as it is stored.
inline std::string with_hash(const schemas::Hash128& hash, std::string_view buffer) {
  const auto bytes = hash.bytes();
  std::string value;
  value.reserve(kHashBytes + buffer.size());
  value.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  value += buffer;
  return value;
}

struct HashedValue {
  schemas::Hash128 hash;
  std::string_view buffer;
};

/// Nothing: the value is too short to be one.
inline std::optional<HashedValue> split_hash(std::string_view value) {
  if (value.size() < kHashBytes) return std::nullopt;
  return HashedValue{schemas::Hash128::from_bytes(reinterpret_cast<const std::uint8_t*>(value.data())),
                     value.substr(kHashBytes)};
}

}  // namespace solo::projections
