// The daemon's own words: on stderr, through spdlog's default logger, as text or as one JSON object per line.
#pragma once

#include <string>

namespace solo::ops {

/// `level`: debug, info, warning or error; `format`: text or json. Once, before other threads are there.
void start_logging(const std::string& level, const std::string& format);

}  // namespace solo::ops
