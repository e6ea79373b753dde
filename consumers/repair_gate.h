// What is not repaired, and why: nothing while the views are in doubt, and a service that another node runs, or that
// runs other code than its record says, is not either. Nobody's doubt is another service's. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "consumers/verifier_diff.h"

namespace solo::consumers {

class RepairGate {
 public:
  /// Of everybody's findings, whoever asks. `foreign`: the services of which another node has processes here.
  RepairGate(const std::vector<Finding>& findings, const std::set<schemas::ServiceKey>& foreign);

  /// Why this service is left alone; empty: it is not.
  std::string reason(const schemas::ServiceKey& service) const;

 private:
  std::string for_all_;
  std::map<schemas::ServiceKey, std::string> of_service_;
};

}  // namespace solo::consumers
