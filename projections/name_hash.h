// What the tables in memory find names by: XXH3-64 (xxHash by Yann Collet). Pure; nothing is ordered by it.
#pragma once

#include <cstdint>
#include <string_view>

namespace solo::projections {

/// Over the three, each preceded by its length. Stored, in the index of outcomes.
std::uint64_t outcome_hash(std::string_view tenant, std::string_view source, std::string_view id);

/// Over the two, with a 00 between them.
std::uint64_t service_hash(std::string_view tenant, std::string_view service);

}  // namespace solo::projections
