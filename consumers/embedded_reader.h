// Reads an EmbeddedLog in the process that holds it: a record is returned as soon as it is durable. For other
// processes there is producers/log_inspection.h.
#pragma once

#include <atomic>

#include "consumers/event_reader.h"
#include "producers/embedded_log.h"

namespace solo::consumers {

class EmbeddedReader final : public EventReader {
 public:
  EmbeddedReader(producers::EmbeddedLog& log, std::int64_t from_offset) : log_(log), next_offset_(from_offset) {}

  schemas::Result<std::vector<schemas::LogRecord>> read(const ReadLimits& limits,
                                                        std::chrono::milliseconds timeout) override;
  std::int64_t next_offset() const override { return next_offset_; }
  std::int64_t end_offset() const override;
  void wake() override;

 private:
  producers::EmbeddedLog& log_;
  std::int64_t next_offset_;
  std::atomic<bool> woken_ = false;
};

}  // namespace solo::consumers
