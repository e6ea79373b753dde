#include "consumers/embedded_reader.h"

namespace solo::consumers {

schemas::Result<std::vector<schemas::LogRecord>> EmbeddedReader::read(const ReadLimits& limits,
                                                                      std::chrono::milliseconds timeout) {
  log_.wait_for(next_offset_, std::chrono::steady_clock::now() + timeout, woken_);
  woken_ = false;
  auto records = log_.read(next_offset_, limits.max_records, limits.max_bytes);
  if (records && !records->empty()) next_offset_ = records->back().position.offset + 1;
  return records;
}

std::int64_t EmbeddedReader::end_offset() const {
  const auto bounds = log_.bounds(0);
  return bounds ? bounds->end : next_offset_;
}

void EmbeddedReader::wake() {
  woken_ = true;
  log_.wake_readers();
}

}  // namespace solo::consumers
