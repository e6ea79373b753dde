// Opening a view's directory, whatever has happened to it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::projections {
namespace {

namespace fs = std::filesystem;

using testing::key_of;

constexpr int kServices = 200;

class OpenedView : public ::testing::Test {
 protected:
  ViewOptions options() const {
    ViewOptions options;
    options.directory = directory_.path();
    options.log_uuid = testing::kLog;
    return options;
  }
  fs::path path() const { return directory_.path() / "0"; }

  /// Leaves flushed views of many services, in many blocks of a table.
  void make_views() {
    testing::RecordMaker make;
    records_ = {make.genesis(), make.claim()};
    for (int i = 0; i < kServices; ++i) records_.push_back(make.deploy("service-" + std::to_string(1000 + i)));
    auto view = PartitionView::open(options(), 0);
    ASSERT_TRUE(view) << view.error().message;
    ASSERT_TRUE((*view)->apply(records_));
    ASSERT_TRUE((*view)->flush());
    digest_ = (*view)->digest();
  }

  /// They must be set aside as they are, and those that take their place come to the same.
  void expect_rebuilt(const std::string& reason) {
    OpenReport report;
    auto view = PartitionView::open(options(), 0, &report);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_TRUE(report.set_aside);
    EXPECT_NE(report.reason.find(reason), std::string::npos) << report.reason;
    EXPECT_TRUE(fs::exists(report.kept_at));
    EXPECT_EQ((*view)->next_offset(), 0);
    ASSERT_TRUE((*view)->apply(records_));
    EXPECT_EQ((*view)->digest(), digest_);
  }

  testing::TempDir directory_;
  std::vector<schemas::LogRecord> records_;
  schemas::Hash128 digest_;
};

/// Flips a byte where `text` stands last in one of the directory's tables.
void damage_table(const fs::path& directory, const std::string& text) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".sst") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto at = bytes.rfind(text);
    if (at == std::string::npos) continue;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xff);
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    return;
  }
  FAIL() << "no table holds " << text;
}

TEST_F(OpenedView, WithADamagedServiceIsRebuiltBeforeAnybodyMissesTheService) {
  make_views();
  damage_table(path(), "service-1100");
  expect_rebuilt("checksum mismatch");
}

TEST_F(OpenedView, WithoutItsBeginningIsRebuilt) {
  make_views();
  fs::remove(path() / "CURRENT");
  expect_rebuilt("CURRENT is missing");
}

TEST_F(OpenedView, OfGarbageIsRebuilt) {
  make_views();
  std::ofstream(path() / "CURRENT") << "garbage\n";
  expect_rebuilt("CURRENT");
}

TEST_F(OpenedView, OfAnotherLogIsRebuilt) {
  make_views();
  auto other = options();
  other.log_uuid = "00000000-0000-4000-8000-000000000000";
  OpenReport report;
  auto view = PartitionView::open(other, 0, &report);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_TRUE(report.set_aside);
  EXPECT_NE(report.reason.find("the views are of log"), std::string::npos) << report.reason;
  EXPECT_EQ((*view)->next_offset(), 0);
}

TEST_F(OpenedView, ThatIsSoundIsKept) {
  make_views();
  OpenReport report;
  auto view = PartitionView::open(options(), 0, &report);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_FALSE(report.set_aside) << report.reason;
  EXPECT_EQ((*view)->digest(), digest_);
  EXPECT_TRUE(*(*view)->service(key_of("service-1100")));
}

}  // namespace
}  // namespace solo::projections
