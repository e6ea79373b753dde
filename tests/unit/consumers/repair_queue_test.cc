#include "consumers/repair_queue.h"

#include <gtest/gtest.h>

namespace solo::consumers {
namespace {

Finding of(const std::string& service, const std::string& instance) {
  Finding finding = finding_of(Invariant::one_instance);
  finding.tenant = "acme";
  finding.service = service;
  finding.instance = instance;
  return finding;
}

class RepairQueueTest : public ::testing::Test {
 protected:
  std::vector<std::string> begin() {
    std::vector<std::string> names;
    for (const Finding* finding : queue_.begin()) names.push_back(finding->service + " " + finding->instance);
    return names;
  }
  using Names = std::vector<std::string>;

  Finding web1_ = of("web", "1");
  Finding web2_ = of("web", "2");
  Finding db_ = of("db", "1");
  RepairQueue queue_;
};

TEST_F(RepairQueueTest, OneOfAServiceIsUnderWayAtATimeAndOtherServicesDoNotWait) {
  for (Finding* finding : {&web1_, &web2_, &db_}) queue_.add(*finding);
  EXPECT_EQ(begin(), (Names{"db 1", "web 1"}));
  EXPECT_EQ(begin(), Names{});
  queue_.ended(db_);
  EXPECT_EQ(begin(), Names{});
  queue_.ended(web1_);
  EXPECT_EQ(begin(), Names{"web 2"});
  queue_.ended(web2_);
  EXPECT_EQ(begin(), Names{});
}

TEST_F(RepairQueueTest, WhatIsGivenUpHasNotBegun) {
  for (Finding* finding : {&web1_, &web2_}) queue_.add(*finding);
  EXPECT_EQ(begin(), Names{"web 1"});
  EXPECT_EQ(queue_.drop_waiting(), std::vector<Finding*>{&web2_});
  queue_.ended(web1_);
  EXPECT_EQ(begin(), Names{});
}

}  // namespace
}  // namespace solo::consumers
