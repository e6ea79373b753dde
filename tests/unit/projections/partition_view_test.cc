#include <gtest/gtest.h>

#include "projections/outcome.h"
#include "projections/service_state.h"
#include "projections/views.h"
#include "schemas/ids.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/projections/records.h"

namespace solo::projections {
namespace {

using schemas::LogRecord;
using schemas::ServiceKey;
using schemas::ServiceName;
using schemas::TenantName;
using testing::RecordMaker;

ServiceKey key_of(std::string_view service, std::string_view tenant = "acme") {
  return ServiceKey{TenantName::trusted(std::string(tenant)), ServiceName::trusted(std::string(service))};
}

class PartitionViews : public ::testing::Test {
 protected:
  ViewOptions options() const {
    ViewOptions options;
    options.directory = directory_.path();
    options.log_uuid = testing::kLog;
    return options;
  }

  std::unique_ptr<PartitionView> open(OpenReport* report = nullptr) {
    auto view = PartitionView::open(options(), 0, report);
    EXPECT_TRUE(view) << view.error().message;
    return view ? *std::move(view) : nullptr;
  }

  static ViewChange apply(PartitionView& view, const std::vector<LogRecord>& records) {
    auto change = view.apply(records);
    EXPECT_TRUE(change) << change.error().message;
    return change ? *change : ViewChange{};
  }

  testing::TempDir directory_;
  RecordMaker make_;
};

TEST_F(PartitionViews, WhatIsAppliedCanBeReadAtOnceAndAfterReopening) {
  {
    auto view = open();
    const ViewChange change = apply(*view, {make_.genesis(), make_.claim(), make_.deploy("web", {.code = "exit 0"}),
                                            make_.started("web", 1, "run-a-1")});
    EXPECT_EQ(change.next_offset, 4);
    EXPECT_EQ(change.services, std::vector{key_of("web")});
    EXPECT_TRUE(change.owner_changed);
    EXPECT_EQ(view->next_offset(), 4);
    EXPECT_EQ(view->digest(), *view->recompute_digest());
    ASSERT_TRUE(view->flush());
    EXPECT_EQ(view->flushed_offset(), 4);
  }
  auto view = open();
  EXPECT_EQ(view->next_offset(), 4);
  const auto record = view->service(key_of("web"));
  ASSERT_TRUE(record && *record);
  EXPECT_EQ(derive_state(**record), v1::ServiceState::running);
  EXPECT_EQ(*view->code((*record)->current->code_digest), "#!/bin/sh\nexit 0");
  const auto outcome = view->outcome(TenantName::trusted("acme"), "/commands/acme", "id-3");
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ((*outcome)->position.offset, 2);
  EXPECT_EQ((*outcome)->record.generation, 1U);
  EXPECT_EQ(view->meta().tail.size(), 4U);
}

TEST_F(PartitionViews, AfterAJoinedBatchCameToNothingAllOfItsRecordsHaveToComeAgain) {
  auto view = open();
  const std::vector<LogRecord> first{make_.genesis(), make_.claim()};
  const std::vector<LogRecord> second{make_.deploy("web")};
  const std::vector<LogRecord> third{make_.deploy("db")};
  apply(*view, first);
  ASSERT_TRUE(view->apply(second, Batching::joined));
  // One that was applied already: what was joined before it goes with it.
  EXPECT_FALSE(view->apply(first, Batching::joined));
  EXPECT_EQ(view->next_offset(), 2);
  EXPECT_FALSE(view->apply(third));
  apply(*view, {second.front(), third.front()});
  EXPECT_EQ(view->next_offset(), 4);
  EXPECT_EQ(view->digest(), *view->recompute_digest());
}

}  // namespace
}  // namespace solo::projections
