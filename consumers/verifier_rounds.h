// Which differences count. One round: the views (S1), the runtime's inventory once it has acted on S1, the machine's
// processes, the views again (S2) with all that was in the log by then. A difference counts when in two rounds at least
// 500 ms apart the same invariant is broken by the same instance of a service that did not change from S1 to S2 and has
// nothing in flight; of one that waits between restarts, which may be always, strays count. Pure: rounds go in,
// verdicts come out.
//
// So a change under way is never a finding: it is in S2 and not in S1, or in flight, or over half a second later.
#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "consumers/backoff.h"
#include "consumers/verifier_diff.h"
#include "schemas/position.h"

namespace solo::consumers {

struct Round {
  /// Where S1 stands.
  schemas::Cut cut;
  Desired before;
  v1::InventoryReportT inventory;
  Observed observed;
  Desired after;
};

class VerifierRounds {
 public:
  static constexpr std::chrono::milliseconds kApart{500};

  /// Takes a round that began at `began`.
  void add(const Round& round, Instant began);

  /// When the next round may begin; nothing: this was the last.
  std::optional<Instant> next() const { return next_; }

  /// After the last round: what counts, and how much the last round looked at.
  const std::vector<Finding>& findings() const { return last_.findings; }
  const std::array<std::uint64_t, kInvariants>& checked() const { return last_.checked; }
  Diff take() { return std::move(last_); }

 private:
  std::optional<std::vector<Finding>> suspects_;
  std::optional<Instant> next_;
  Diff last_;
};

/// The differences of one round that may count: of services at rest.
Diff settled_differences(const Round& round);

/// The same invariant, broken by the same instance?
bool is_same(const Finding& left, const Finding& right);

/// Has the inventory been taken after everything up to the cut had been acted on?
bool has_reconciled(const v1::InventoryReportT& inventory, const schemas::Cut& cut);

}  // namespace solo::consumers
