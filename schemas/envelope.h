// The rules for who an event says it is from: its id, and the source within which that is unique.
//
// apply judges every record by them, so they are part of what the log means, as the rules of specs are
// (schemas/spec.h). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "schemas/result.h"

namespace solo::schemas {

/// Longest id, source and run of an event, in bytes.
inline constexpr std::size_t kMaxIdentityBytes = 1024;

/// `/commands/TENANT` and `/nodes/NODE` are Solo's own; outsiders take any other.
enum class SourceKind : std::uint8_t { command, node, outsider };

SourceKind kind_of_source(std::string_view source);

/// invalid_argument: an id or source that is none or too long; a source of Solo's own that names another tenant, or no
/// node.
Result<void> check_identity(std::string_view id, std::string_view source, std::string_view tenant);

}  // namespace solo::schemas
