// The digest of a partition: the sum, modulo 2^128, of the hashes of its domain entries (services, code texts and
// their counts, tokens and their tenants' epochs). No entry holds a position, so two views of the same log at the same
// offset have the same digest however they came there; and as a sum it is kept up to date by taking the old entry's
// hash out and adding the new one's. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "schemas/fingerprint.h"

namespace solo::projections {

/// Is this a key of an entry that the digest covers?
bool in_digest(std::string_view key);

/// Whether the buffer has to be verified first.
enum class Trust : bool { verify, packed_here };

/// What the entry adds to the digest: schemas::hash_fields over its key and its verified buffer's fields.
/// Nothing: the buffer is damaged.
std::optional<schemas::Hash128> entry_hash(std::string_view key, std::string_view buffer, Trust trust = Trust::verify);

/// Of what an entry says, however its buffer is laid out: one that the digest covers, or another that follows from the
/// log alone. `value`: as it is stored. Nothing: it is damaged.
std::optional<schemas::Hash128> content_hash(std::string_view key, const std::string& value);

}  // namespace solo::projections
