// In which order repairs are carried out: those of different services beside each other, those of one service one after
// the other, since a service is at work while it is repaired and refuses another. Pure; borrows the findings.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "consumers/verifier_diff.h"

namespace solo::consumers {

class RepairQueue {
 public:
  void add(Finding& finding) { waiting_[key_of(finding)].push_back(&finding); }

  /// Those that may begin now, which are then under way until ended().
  std::vector<Finding*> begin() {
    std::vector<Finding*> ready;
    for (auto service = waiting_.begin(); service != waiting_.end();) {
      if (under_way_.insert(service->first).second) {
        ready.push_back(service->second.front());
        service->second.pop_front();
      }
      service = service->second.empty() ? waiting_.erase(service) : std::next(service);
    }
    return ready;
  }
  void ended(const Finding& finding) { under_way_.erase(key_of(finding)); }

  /// Gives up those that have not begun.
  std::vector<Finding*> drop_waiting() {
    std::vector<Finding*> dropped;
    for (const auto& [service, findings] : waiting_) dropped.insert(dropped.end(), findings.begin(), findings.end());
    waiting_.clear();
    return dropped;
  }

 private:
  static schemas::ServiceKey key_of(const Finding& finding) {
    return {schemas::TenantName::trusted(finding.tenant), schemas::ServiceName::trusted(finding.service)};
  }

  std::map<schemas::ServiceKey, std::deque<Finding*>> waiting_;
  std::set<schemas::ServiceKey> under_way_;
};

}  // namespace solo::consumers
