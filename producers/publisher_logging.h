// Where the publisher library's warnings go. The library has a logger of its own, apart from the program's.
#pragma once

namespace solo::publisher {

/// Sends them to the listener of log_to(). Repeated: does nothing.
void start_logging();

}  // namespace solo::publisher
