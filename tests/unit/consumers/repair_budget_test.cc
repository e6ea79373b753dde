#include "consumers/repair_budget.h"

#include <gtest/gtest.h>

namespace solo::consumers {
namespace {

using namespace std::chrono_literals;

schemas::ServiceKey key(const std::string& service) {
  return {schemas::TenantName::trusted("acme"), schemas::ServiceName::trusted(service)};
}

TEST(RepairBudget, StopsAtItsLimitForEachServiceOfItsOwn) {
  RepairBudget budget({2, 60s});
  const Instant now{1000s};
  budget.charge(key("web"), now, true);
  EXPECT_TRUE(budget.allows(key("web"), now + 1s));
  budget.charge(key("web"), now + 1s, true);
  EXPECT_FALSE(budget.allows(key("web"), now + 2s));
  EXPECT_TRUE(budget.allows(key("db"), now + 2s));
}

TEST(RepairBudget, AllThatAVerificationMendsOfAServiceCountsOnceAndIsTold) {
  RepairBudget budget({2, 60s});
  const Instant now{1000s};
  for (int i = 0; i < 5; ++i) budget.charge(key("web"), now, i != 3);
  EXPECT_TRUE(budget.allows(key("web"), now + 1s));
  budget.charge(key("web"), now + 1s, false);
  const auto spent = budget.spent(key("web"), now + 2s);
  EXPECT_EQ(spent.verifications, 2U);
  EXPECT_EQ(spent.tried, 6U);
  EXPECT_EQ(spent.done, 4U);
}

TEST(RepairBudget, IsThereAgainWhenTheTimeHasPassed) {
  RepairBudget budget({2, 60s});
  const Instant now{1000s};
  budget.charge(key("web"), now, true);
  budget.charge(key("web"), now + 30s, true);
  EXPECT_FALSE(budget.allows(key("web"), now + 59s));
  EXPECT_TRUE(budget.allows(key("web"), now + 60s));
  budget.charge(key("web"), now + 60s, true);
  EXPECT_FALSE(budget.allows(key("web"), now + 61s));
  EXPECT_TRUE(budget.allows(key("web"), now + 90s));
}

}  // namespace
}  // namespace solo::consumers
