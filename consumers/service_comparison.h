// One service's part of a comparison (verifier_diff.h): its record, what the runtime holds of it, its processes. Pure.
#pragma once

#include <string>
#include <vector>

#include "consumers/verifier_diff.h"

namespace solo::consumers {

/// Everything about one service; borrowed.
struct ServiceSubject {
  const v1::ServiceRecordT* record = nullptr;
  const v1::InventoryEntryT* held = nullptr;
  std::vector<const SeenProcess*> processes;
};

/// Adds what does not hold of it, and what was looked at.
void compare_service(const schemas::ServiceKey& key, const ServiceSubject& subject, Diff& diff);

/// By what a process can be found again, and what it is.
std::string evidence_of(const SeenProcess& process);

}  // namespace solo::consumers
