#include "producers/record_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace solo::producers {
namespace {

namespace fs = std::filesystem;

class RecordStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<RecordStore> open() {
    RecordStore::Options options;
    options.directory = temp_.path();
    auto opened = RecordStore::open(options);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  /// One record in a table of its own.
  void add_table(RecordStore& store) {
    const std::string value = "value " + std::to_string(end_);
    const NewRecord record{7, "acme", value};
    ASSERT_TRUE(store.append(end_, {&record, 1}));
    ASSERT_TRUE(store.flush());
    ++end_;
  }
  std::vector<fs::path> tables() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(temp_.path())) {
      if (entry.path().extension() == ".sst") found.push_back(entry.path());
    }
    return found;
  }

  solo::testing::TempDir temp_;
  std::int64_t end_ = 0;
};

TEST_F(RecordStoreTest, AnEmptyStoreEndsAtZero) { EXPECT_EQ(open()->end().value(), 0); }

TEST_F(RecordStoreTest, ManySmallTablesBecomeOneAndEveryRecordStaysReadable) {
  const auto store = open();
  for (std::size_t table = 0; table + 1 < RecordStore::kTablesToMerge; ++table) add_table(*store);
  EXPECT_FALSE(store->merge_tables().value());
  add_table(*store);
  EXPECT_TRUE(store->merge_tables().value());
  EXPECT_FALSE(store->merge_tables().value());
  EXPECT_LE(tables().size(), 1u);
  const auto records = store->read({0, end_});
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(static_cast<std::int64_t>(records->size()), end_);
  EXPECT_EQ(records->back().value, "value " + std::to_string(end_ - 1));
}

TEST_F(RecordStoreTest, MergingWaitsForAsManyTablesAsItIsTold) {
  const auto store = open();
  for (std::size_t table = 0; table < RecordStore::kTablesToMerge; ++table) add_table(*store);
  EXPECT_FALSE(store->merge_tables(RecordStore::kTablesToMerge + 1).value());
}

TEST_F(RecordStoreTest, MergingADamagedTableIsDataLossAndAppendingGoesOn) {
  {
    const auto store = open();
    for (std::size_t table = 0; table < RecordStore::kTablesToMerge; ++table) add_table(*store);
  }
  const auto table = tables().front();
  {
    // The first block holds the record.
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x7f');
  }
  const auto store = open();
  const auto merged = store->merge_tables();
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, schemas::ErrorCode::data_loss) << merged.error().message;
  EXPECT_NE(merged.error().message.find("record "), std::string::npos) << merged.error().message;
  add_table(*store);
}

TEST_F(RecordStoreTest, AGapIsDataLossUnderTheMissingOffset) {
  const auto store = open();
  add_table(*store);
  ++end_;
  add_table(*store);
  EXPECT_EQ(store->read({0, 3})->size(), 1u);
  const auto missing = store->read({1, 3});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, schemas::ErrorCode::data_loss);
  EXPECT_NE(missing.error().message.find("record 1 "), std::string::npos) << missing.error().message;
}

}  // namespace
}  // namespace solo::producers
