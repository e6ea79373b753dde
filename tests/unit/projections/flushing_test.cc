// How much of a view a crash can cost: what is not flushed is lost when it is closed, as in a crash.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/temp_dir.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::projections {
namespace {

using namespace std::chrono_literals;

bool comes_to(const PartitionView& view, std::int64_t flushed) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (view.flushed_offset() < flushed) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class Flushing : public ::testing::Test {
 protected:
  Flushing() {
    options_.directory = directory_.path();
    options_.log_uuid = testing::kLog;
    options_.flush_after_records = 1'000'000;
    options_.flush_after = 1h;
  }

  std::unique_ptr<PartitionView> open() const {
    auto view = PartitionView::open(options_, 0);
    EXPECT_TRUE(view) << view.error().message;
    return view ? *std::move(view) : nullptr;
  }

  void apply(PartitionView& view, int records) {
    std::vector<schemas::LogRecord> batch;
    if (make_.next_offset == 0) batch.push_back(make_.genesis());
    while (static_cast<int>(batch.size()) < records) batch.push_back(make_.deploy("s" + std::to_string(make_.next_id)));
    ASSERT_TRUE(view.apply(batch));
  }

  testing::TempDir directory_;
  testing::RecordMaker make_;
  ViewOptions options_;
};

TEST_F(Flushing, HappensByItselfAfterSoManyRecords) {
  options_.flush_after_records = 50;
  schemas::Hash128 digest;
  {
    auto view = open();
    apply(*view, 49);
    EXPECT_EQ(view->flushed_offset(), 0);
    apply(*view, 1);
    ASSERT_TRUE(comes_to(*view, 50));
    digest = view->digest();
    apply(*view, 7);
  }
  auto view = open();
  EXPECT_EQ(view->next_offset(), 50) << "what came after the flush is applied again";
  EXPECT_EQ(view->digest(), digest);
}

TEST_F(Flushing, HappensByItselfWhenARecordHasWaitedSoLong) {
  options_.flush_after = 20ms;
  auto view = open();
  apply(*view, 3);
  EXPECT_TRUE(comes_to(*view, 3));
  apply(*view, 1);
  EXPECT_TRUE(comes_to(*view, 4));
}

TEST_F(Flushing, IsBoundedUnlessToldOtherwise) {
  EXPECT_LE(ViewOptions().flush_after_records, 20'000U);
  EXPECT_LE(ViewOptions().flush_after, 5s);
}

TEST_F(Flushing, WithoutOneACrashCostsTheWholeViewAndNothingElse) {
  { apply(*open(), 30); }
  auto view = open();
  EXPECT_EQ(view->next_offset(), 0);
  make_ = {};
  apply(*view, 30);
  EXPECT_EQ(view->digest(), *view->recompute_digest());
}

}  // namespace
}  // namespace solo::projections
