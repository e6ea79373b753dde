// Log to views: one thread per partition reads records, applies them and tells who listens.
//
// Errors: no space (resource_exhausted) is retried with the same records until there is space again; anything else
// (a missing or damaged record, rules this build does not know) stops that partition, and that one alone, and is
// reported once through on_error. status() says both in words.
// Threads: every function may be called from any thread. Listeners and on_error are called on the partition's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "consumers/event_reader.h"
#include "projections/views.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::consumers {

struct ProjectorOptions {
  ReadLimits limits;
  /// The pause before records that found no space are applied again.
  std::chrono::milliseconds retry_pause{200};
};

struct PartitionStatus {
  std::int32_t partition = 0;
  std::int64_t next_offset = 0;
  /// It will not go on by itself.
  bool stopped = false;
  /// What is wrong, in words; empty: nothing.
  std::string detail;
};

class Projector {
 public:
  /// A reader of one partition that starts at an offset.
  using OpenReader =
      std::function<schemas::Result<std::unique_ptr<EventReader>>(std::int32_t partition, std::int64_t from)>;
  using OnChange = std::function<void(const projections::ViewChange&)>;
  using OnError = std::function<void(std::int32_t partition, const schemas::Error&)>;

  /// Ends a listen(): no call is under way or will come once it is destroyed. Not to be destroyed by its own listener.
  /// May outlive the projector.
  using Subscription = std::shared_ptr<void>;

  Projector(projections::Views& views, OpenReader open_reader, OnError on_error, ProjectorOptions options = {});
  /// Stops.
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  /// Called after each batch, when readers can see it. Must be cheap: it holds up the partition.
  [[nodiscard]] Subscription listen(OnChange listener);

  /// Opens a reader per partition where its view stands, and starts the threads.
  schemas::Result<void> start();
  /// Ends the threads; the views stay as they are. Waiters get unavailable.
  void stop();

  /// Waits until the views have everything up to the cut. deadline_exceeded; unavailable: a partition of the cut stands
  /// still (its error is in the message) or the projector was stopped.
  schemas::Result<void> wait_for(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline);

  std::vector<PartitionStatus> status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace solo::consumers
