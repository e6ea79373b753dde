#include "ops/version.h"

namespace solo::ops {

std::string_view version() { return SOLO_VERSION; }

}  // namespace solo::ops
