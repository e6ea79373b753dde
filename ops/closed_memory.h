// Tokens pass through the memory of both programs.
#pragma once

#include <sys/prctl.h>

namespace solo::ops {

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool kLeaksAreChecked = true;
#else
inline constexpr bool kLeaksAreChecked = false;
#endif

/// From here on there is no core dump, and no other process of this user looks in. A program that is started from here
/// is as any other from its exec on. A build that looks for leaks stays open: the checker has to look in.
inline void close_memory_to_others() {
  if (!kLeaksAreChecked) prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace solo::ops
