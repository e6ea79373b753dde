// Takes tokens out of the views that expired more than a day ago: finds them, and says so in events of at most 1,000,
// so that every reader of the log forgets the same ones at the same place. Nobody's rights depend on it: an expired
// token is refused whether or not it was swept.
//
// What must not happen is that a wall clock that is far ahead has live tokens forgotten. So it is not believed alone:
// see CautiousTime.
//
// Threads: one of its own; the rest from any. It waits for each event to be applied before it looks for more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "consumers/observations.h"
#include "producers/clock.h"
#include "projections/views.h"

namespace solo::consumers {

/// Never later than it can be: the wall clock's time, but no later than the latest record that can be believed at the
/// start (projections/clock_witness.h; this run's own are among those that cannot, if its clock is a day ahead of the
/// log) and what has passed since; after a whole day in which the wall clock and the monotonic one went alike, the wall
/// clock's. A wall clock that jumps has to go steadily for a day again. Pure.
class CautiousTime {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  /// `witness_us`: the highest credible timestamp of the log's records so far.
  CautiousTime(std::int64_t witness_us, std::int64_t wall_us, Steady now);
  std::int64_t at(std::int64_t wall_us, Steady now);

 private:
  std::int64_t witness_us_;
  Steady begin_;
  Steady steady_since_;
  std::int64_t wall_then_us_;
};

struct SweeperOptions {
  std::chrono::milliseconds interval{60'000};
  /// How long a token rests after it has expired.
  std::chrono::milliseconds rest = std::chrono::hours(24);
};

class TokenSweeper {
 public:
  /// `may_sweep`: does this run own the runtime now? Borrows the rest. The views must have what the log holds.
  TokenSweeper(const projections::Views& views, ObservationPublisher& publisher, const producers::Clock& clock,
               std::function<bool()> may_sweep, SweeperOptions options = {});
  /// Ends the thread.
  ~TokenSweeper();
  TokenSweeper(const TokenSweeper&) = delete;
  TokenSweeper& operator=(const TokenSweeper&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::consumers
