#include "producers/durable_mark.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace solo::producers {
namespace {

constexpr const char* kUuid = "00000000-0000-4000-8000-00000000000a";

class DurableMarkTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return temp_.path() / "mark"; }
  solo::testing::TempDir temp_;
};

TEST_F(DurableMarkTest, RemembersWhatItWasToldWithoutASync) {
  {
    const auto mark = DurableMark::create(path(), kUuid);
    ASSERT_TRUE(mark) << mark.error().message;
    EXPECT_EQ((*mark)->end(), 0);
    EXPECT_FALSE((*mark)->closed_in_order());
    (*mark)->advance(17);
  }
  const auto mark = DurableMark::open(path());
  ASSERT_TRUE(mark && *mark);
  EXPECT_EQ((*mark)->log_uuid(), kUuid);
  EXPECT_EQ((*mark)->end(), 17);
}

TEST_F(DurableMarkTest, AReaderSeesItMove) {
  const auto mark = DurableMark::create(path(), kUuid).value()->end();
  EXPECT_EQ(mark, 0);
  const auto writer = DurableMark::open(path());
  const auto reader = DurableMark::open_read_only(path());
  ASSERT_TRUE(writer && reader);
  (*writer)->advance(5);
  EXPECT_EQ((*reader)->end(), 5);
}

TEST_F(DurableMarkTest, AnOrderlyCloseIsRemembered) {
  ASSERT_TRUE(DurableMark::create(path(), kUuid).value()->set_closed_in_order(true));
  EXPECT_TRUE(DurableMark::open(path()).value()->closed_in_order());
}

TEST_F(DurableMarkTest, NoFileIsNoMarkAndAForeignOneIsDataLoss) {
  EXPECT_EQ(DurableMark::open(path()).value(), nullptr);
  std::ofstream(path()) << "short";
  EXPECT_EQ(DurableMark::open(path()).error().code, schemas::ErrorCode::data_loss);
  std::ofstream(path()) << std::string(128, 'x');
  EXPECT_EQ(DurableMark::open(path()).error().code, schemas::ErrorCode::data_loss);
}

}  // namespace
}  // namespace solo::producers
