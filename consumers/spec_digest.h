// A spec by its content, in 32 hex digits: what was spawned against what is deployed. Without its code, which has a
// digest of its own. Not for storing. Pure.
#pragma once

#include <string>

namespace solo::v1 {
struct SpecT;
}

namespace solo::consumers {

std::string spec_digest(const v1::SpecT& spec);

}  // namespace solo::consumers
