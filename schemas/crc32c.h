// CRC-32C (Castagnoli polynomial, reflected, as in iSCSI, RFC 3720): how a record is checked against damage and known
// again. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace solo::schemas {

/// The CRC of what `crc` was computed over followed by `bytes`; 0 to begin with.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace solo::schemas
