#include "consumers/memory_reader.h"

namespace solo::consumers {

schemas::Result<std::vector<schemas::LogRecord>> MemoryReader::read(const ReadLimits& limits,
                                                                    std::chrono::milliseconds timeout) {
  log_.wait_for(next_.partition, next_.offset, std::chrono::steady_clock::now() + timeout, woken_);
  woken_ = false;
  auto records = log_.read(next_, limits.max_records, limits.max_bytes);
  if (records && !records->empty()) next_.offset = records->back().position.offset + 1;
  return records;
}

std::int64_t MemoryReader::end_offset() const {
  const auto bounds = log_.bounds(next_.partition);
  return bounds ? bounds->end : next_.offset;
}

void MemoryReader::wake() {
  woken_ = true;
  log_.wake_readers();
}

}  // namespace solo::consumers
