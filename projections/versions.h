// What this build can read: of the log's rules and of the views' layout.
#pragma once

#include <cstdint>

namespace solo::projections {

/// The highest rules version this build can apply.
inline constexpr std::uint32_t kKnownRules = 1;
/// The views' own layout; another one on disk is rebuilt.
inline constexpr std::uint32_t kLayout = 4;

}  // namespace solo::projections
