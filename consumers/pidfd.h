// The pidfd calls; glibc 2.36 declares them without C linkage.
#pragma once

extern "C" {
#include <sys/pidfd.h>
}
