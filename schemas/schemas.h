// All generated types at once. Heavy: include it from .cc files, and name single types by forward declaration in
// headers.
#pragma once

#include "schemas/box.h"
#include "schemas/generated/common_generated.h"
#include "schemas/generated/event_generated.h"
#include "schemas/generated/reply_generated.h"
#include "schemas/generated/request_generated.h"
#include "schemas/generated/view_generated.h"
