// What the views want, what the runtime holds and what runs on the machine, compared: every difference by the name of
// the invariant it breaks, with its evidence and what would mend it. Pure.
//
// The three are snapshots taken one after the other, so a difference may be the trace of a change under way: which
// differences count is decided in verifier_rounds.h.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/invariants.h"
#include "consumers/process_host.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"

namespace solo::consumers {

struct DesiredService {
  v1::ServiceRecordT record;
  /// Of the record: tells whether it changed.
  schemas::Hash128 hash;
};

/// The views at one moment.
struct Desired {
  /// All that are not killed and gone, and of those the ones that somebody holds or that run.
  std::map<schemas::ServiceKey, DesiredService> services;
  struct Owner {
    std::string node;
    std::string run;
    bool operator==(const Owner&) const = default;
  };
  /// By partition: who runs its services; empty: nobody has claimed them.
  std::vector<Owner> owners;
};

struct SeenProcess {
  FoundProcess found;
  /// SHA-256 of the code its program was made from; empty: the process does not tell.
  std::string code_digest = {};
  /// Of one that bears no held instance's marker: the instance that the runtime holds and that it descends from all the
  /// same. Empty: of none.
  std::string holder = {};
  /// Of one without a held instance's marker: its command line, in printable words.
  std::string command = {};
};

/// The operation of a service that the runtime will start again after a while, and has no process of.
inline constexpr std::string_view kBetweenRestarts = "wait";

/// What bears a marker of this log, whole or not, or is alive under an identity that the views or the runtime have
/// recorded.
using Observed = std::vector<SeenProcess>;

/// A breach as the report holds it, without what became of it.
using Finding = v1::InconsistencyT;

struct Diff {
  std::vector<Finding> findings;
  /// By invariant: how many more were found, of which nothing is kept.
  std::array<std::uint64_t, kInvariants> unnamed{};
  /// By invariant: how much was looked at.
  std::array<std::uint64_t, kInvariants> checked{};
  /// Services of which another node has processes here.
  std::set<schemas::ServiceKey> foreign;
  /// Services that were not judged, since something was under way (verifier_rounds.h).
  std::uint64_t at_work = 0;
};

Diff diff(const Desired& desired, const v1::InventoryReportT& inventory, const Observed& observed);

/// A finding with what its invariant says of it.
Finding finding_of(Invariant invariant);

}  // namespace solo::consumers
