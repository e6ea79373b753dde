#include "consumers/repair_gate.h"

#include "schemas/schemas.h"

namespace solo::consumers {

RepairGate::RepairGate(const std::vector<Finding>& findings, const std::set<schemas::ServiceKey>& foreign) {
  for (const Finding& finding : findings) {
    // Two runtimes are a matter of the services that both run.
    if (finding.severity != v1::Severity::critical || finding.code == info_of(Invariant::one_runtime).name) continue;
    if (finding.code == info_of(Invariant::code_is_deployed).name) {
      of_service_.emplace(schemas::ServiceKey{schemas::TenantName::trusted(finding.tenant),
                                              schemas::ServiceName::trusted(finding.service)},
                          "it runs other code than its record says");
    } else if (for_all_.empty()) {
      for_all_ = "what the views say is in doubt (" + finding.code + ")";
    }
  }
  for (const schemas::ServiceKey& service : foreign) {
    of_service_.emplace(service, "another node has processes of this service here (one_runtime)");
  }
}

std::string RepairGate::reason(const schemas::ServiceKey& service) const {
  if (!for_all_.empty()) return for_all_;
  const auto found = of_service_.find(service);
  return found == of_service_.end() ? "" : found->second;
}

}  // namespace solo::consumers
