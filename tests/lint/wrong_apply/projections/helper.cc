#include "projections/helper.h"

long stamp() { return std::chrono::steady_clock::now().time_since_epoch().count(); }  // offence: clock
