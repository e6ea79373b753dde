#include "consumers/repair_gate.h"

#include <gtest/gtest.h>

namespace solo::consumers {
namespace {

schemas::ServiceKey key(const std::string& tenant, const std::string& service) {
  return {schemas::TenantName::trusted(tenant), schemas::ServiceName::trusted(service)};
}

Finding of(Invariant invariant, const std::string& tenant, const std::string& service) {
  Finding finding = finding_of(invariant);
  finding.tenant = tenant;
  finding.service = service;
  return finding;
}

TEST(RepairGate, LetsRepairsThroughWhenNothingIsInDoubt) {
  const RepairGate gate({of(Invariant::one_instance, "acme", "web")}, {});
  EXPECT_EQ(gate.reason(key("acme", "web")), "");
}

TEST(RepairGate, HoldsEverybodysBackWhileTheViewsAreInDoubt) {
  for (const Invariant invariant : {Invariant::views_digest, Invariant::log_is_whole,
                                    Invariant::live_service_was_deployed, Invariant::rules_are_known}) {
    const RepairGate gate({of(invariant, "", "")}, {});
    EXPECT_NE(gate.reason(key("globex", "db")).find(info_of(invariant).name), std::string::npos);
    EXPECT_NE(gate.reason(key("globex", "db")).find("in doubt"), std::string::npos);
  }
}

TEST(RepairGate, AnotherNodeHoldsBackTheServicesItRunsAndNoOther) {
  const RepairGate gate({of(Invariant::one_runtime, "acme", "")}, {key("acme", "web")});
  EXPECT_NE(gate.reason(key("acme", "web")).find("another node"), std::string::npos);
  EXPECT_EQ(gate.reason(key("acme", "db")), "");
  EXPECT_EQ(gate.reason(key("globex", "web")), "");
}

TEST(RepairGate, OtherCodeThanDeployedHoldsBackThatServiceAlone) {
  const RepairGate gate({of(Invariant::code_is_deployed, "acme", "web")}, {});
  EXPECT_NE(gate.reason(key("acme", "web")).find("other code"), std::string::npos);
  EXPECT_EQ(gate.reason(key("acme", "db")), "");
}

}  // namespace
}  // namespace solo::consumers
