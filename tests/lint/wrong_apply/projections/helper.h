// Included by apply, so it takes part.
#pragma once

#include "projections/deeper.h"
