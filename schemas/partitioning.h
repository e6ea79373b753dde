// Which partition a key belongs to: the same choice as Kafka's own clients make, so that any of them may write.
#pragma once

#include <cstdint>
#include <string_view>

namespace solo::schemas {

/// MurmurHash2 by Austin Appleby, with the seed Kafka's clients use.
std::uint32_t murmur2(std::string_view bytes);

/// (murmur2(key) & 0x7fffffff) mod partitions; partitions > 0.
std::int32_t partition_of(std::string_view key, std::int32_t partitions);

}  // namespace solo::schemas
