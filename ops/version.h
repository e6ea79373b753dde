// Which Solo this is.
#pragma once

#include <string_view>

namespace solo::ops {

/// MAJOR.MINOR.PATCH.
std::string_view version();

}  // namespace solo::ops
