// A 128-bit hash over the fields of a table, in schema order: the same for the same content, however
// the buffer was laid out and whichever fields were left out at their default.
//
// Method: XXH3-128 (xxHash by Yann Collet) over (field id, type, value) of every field that is present and not at its
// default; an empty string or vector counts as absent, a table without fields does not. So a field added later changes
// no hash of older content. The hash is stored (outcomes, digests): it never changes. Pure, thread-safe, allocates
// nothing but where said.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace flatbuffers {
class Table;
struct TypeTable;
}  // namespace flatbuffers

namespace solo::v1 {
struct Event;
struct EventT;
}  // namespace solo::v1

namespace solo::schemas {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;

  /// Sums are taken modulo 2^128, so that a set's hash does not depend on order and an entry can be taken out.
  Hash128& operator+=(const Hash128& other);
  Hash128& operator-=(const Hash128& other);

  /// Little-endian, low first.
  std::array<std::uint8_t, 16> bytes() const;
  static Hash128 from_bytes(const std::uint8_t* sixteen);
};

/// 32 lowercase hex digits, high first.
std::string to_string(const Hash128& hash);

/// Of a verified table; `type` is its generated ...TypeTable(). `key` is hashed in front.
Hash128 hash_fields(std::string_view key, const flatbuffers::Table* table, const flatbuffers::TypeTable* type);

/// Of bytes as they are, by the same method; not for storing.
Hash128 hash_bytes(std::string_view bytes);

/// What "the same request" means: tenant, service, payload type and payload fields. The same for an event in its
/// (verified) buffer and for its value; the latter is encoded on the way.
Hash128 request_fingerprint(const v1::Event& event);
Hash128 request_fingerprint(const v1::EventT& event);

}  // namespace solo::schemas
