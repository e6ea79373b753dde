// Records of the log as people and programs read them. A record that is no event is shown too, with the reason.
#pragma once

#include <string>

#include "schemas/json.h"
#include "schemas/position.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// What the event says, in a few words: `generation 3, pid 1234`.
std::string event_summary(const v1::EventT& event);

/// The head of the table.
std::string record_header();
/// One line: position, time, whose, event, summary.
std::string record_line(const schemas::LogRecord& record);

/// One JSON object: {"position","time","key","event":{...}}; for what is no event "quarantined":{...} and "size" in
/// place of "event".
std::string record_json(const schemas::LogRecord& record, schemas::JsonCodec& codec);

}  // namespace solo::ops
