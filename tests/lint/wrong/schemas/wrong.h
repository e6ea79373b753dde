// Never compiled: what arrows.py must refuse.
#pragma once

#include "projections/views.h"
