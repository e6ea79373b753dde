// The digest of a partition: the sum, modulo 2^128, of the hashes of its domain entries (services, code texts and
// their counts). No entry holds a position, so two views of the same log at the same offset have the same digest
// however they came there; and as a sum it is kept up to date by taking the old entry's hash out and adding the new
// one's. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "schemas/fingerprint.h"

namespace solo::projections {

/// Is this a key of an entry that the digest covers?
bool in_digest(std::string_view key);

/// What the entry adds to the digest: schemas::hash_fields over its key and its verified buffer's fields.
/// Nothing: the buffer is damaged.
std::optional<schemas::Hash128> entry_hash(std::string_view key, std::string_view buffer);

}  // namespace solo::projections
