// Named points in the life of a command at which a test build can be made to die, so that every order of "it happened"
// and "it was said" is tried.
//
// SOLO_CRASH_AT=NAME[:NTH] in the environment makes the process send itself SIGKILL when it comes to the point NAME for
// the NTH time (1 unless said). The points are compiled in by the build option SOLO_CRASH_POINTS (dev, asan, tsan); in
// every other build, release first of all, this is nothing and the names are not in the program.
#pragma once

#include <string_view>

#include "schemas/generated/build_options.h"

namespace solo::schemas {

#if SOLO_CRASH_POINTS
/// Thread-safe.
void crash_point(std::string_view name);
#else
inline void crash_point(std::string_view) {}
#endif

}  // namespace solo::schemas
