// Which services a token is for: one service's name, or the beginning of names followed by `*`; `*` alone is every
// service. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "schemas/result.h"

namespace solo::schemas {

inline constexpr std::string_view kEveryService = "*";

/// invalid_argument: neither a service's name nor the beginning of one and `*`.
Result<void> check_service_glob(std::string_view glob);

// Of checked globs.
bool glob_matches(std::string_view glob, std::string_view service);
/// Does `outer` match whatever `inner` matches?
bool glob_within(std::string_view inner, std::string_view outer);
/// What both match: one of the two. Nothing: there is no such service.
std::optional<std::string_view> glob_intersection(std::string_view left, std::string_view right);

}  // namespace solo::schemas
