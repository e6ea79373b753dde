// What to do at start-up about one service, given its record and the processes that bear its name: which one to keep,
// which to stop, which are gone. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumers/process_host.h"

namespace solo::v1 {
struct ServiceRecordT;
}

namespace solo::consumers {

struct RecoveryPlan {
  struct Keep {
    FoundProcess process;
    /// It has taken the place of the generation before, though the record may not say so yet.
    bool pending = false;
    std::uint64_t epoch = 0;
  };
  struct Stop {
    FoundProcess process;
    /// The views know this instance: its end is to be reported.
    bool reported = false;
    /// What a dead process left behind: nobody could end it in order.
    bool at_once = false;
  };
  /// In the views, and not to be found.
  struct Gone {
    std::string instance;
    std::uint64_t generation = 0;
  };
  std::optional<Keep> keep;
  std::vector<Stop> stop;
  std::vector<Gone> gone;
};

/// `record`: nothing is known of such a service. `found`: its processes by marker, and those of its recorded instances
/// that are alive. A process that has other processes of its own instance beside it is the one the record identifies,
/// or else the oldest leader; the others are its descendants and go with it. One without a whole marker is never kept,
/// and left alone if it may descend from the one that is.
RecoveryPlan plan_recovery(const v1::ServiceRecordT* record, const std::vector<FoundProcess>& found);

/// A recorded instance as it would have been found.
struct RecordedProcess {
  Identity identity;
  std::string instance;
  std::uint64_t generation = 0;
};
std::vector<RecordedProcess> recorded_processes(const v1::ServiceRecordT& record);

}  // namespace solo::consumers
