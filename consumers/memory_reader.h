// Reads one partition of a MemoryLog.
#pragma once

#include <atomic>

#include "consumers/event_reader.h"
#include "producers/memory_log.h"

namespace solo::consumers {

class MemoryReader final : public EventReader {
 public:
  MemoryReader(producers::MemoryLog& log, std::int32_t partition, std::int64_t from_offset)
      : log_(log), next_{partition, from_offset} {}

  schemas::Result<std::vector<schemas::LogRecord>> read(const ReadLimits& limits,
                                                        std::chrono::milliseconds timeout) override;
  std::int64_t next_offset() const override { return next_.offset; }
  std::int64_t end_offset() const override;
  void wake() override;

 private:
  producers::MemoryLog& log_;
  schemas::Position next_;
  std::atomic<bool> woken_ = false;
};

}  // namespace solo::consumers
