#include "ops/lost_tail.h"

#include <gtest/gtest.h>

#include <fstream>

#include "producers/memory_log.h"
#include "schemas/crc32c.h"
#include "tests/support/temp_dir.h"

namespace solo::ops {
namespace {

using producers::MemoryLog;
using schemas::ErrorCode;
using schemas::parse_cut;
using testing::TempDir;

schemas::Cut cut(const std::string& text) { return *parse_cut(text); }

/// Three partitions with ten records each, no events: their ids are empty.
class LostTailOfALog : public ::testing::Test {
 protected:
  LostTailOfALog() {
    for (std::int32_t partition = 0; partition < 3; ++partition) {
      KnownPartition one{log_.genesis().log_uuid, partition, 3, 0, {}};
      while (one.next_offset < 10) {
        const std::string value = std::to_string(one.next_offset);
        one.next_offset = log_.put(partition, "key", value).offset + 1;
        if (one.next_offset > 5) one.tail.push_back({one.next_offset - 1, "", schemas::crc32c(value)});
      }
      known_.push_back(std::move(one));
    }
  }

  std::string from() {
    const auto lost = find_lost_tail(log_, known_);
    EXPECT_TRUE(lost) << lost.error().message;
    return *lost ? schemas::to_string((**lost).from) : "nothing";
  }

  MemoryLog log_{3};
  std::vector<KnownPartition> known_;
};

TEST_F(LostTailOfALog, IsNothingWhileAllIsThere) {
  log_.put(1, "key", "more");
  EXPECT_EQ(from(), "nothing");
}

TEST_F(LostTailOfALog, BeginsWhereEachPartitionThatWasCutEnds) {
  log_.truncate(0, 9);
  log_.truncate(2, 2);
  EXPECT_EQ(from(), "0:9,2:2");
}

TEST_F(LostTailOfALog, BeginsAtTheFirstRecordThatIsAnotherThoughTheLogIsLonger) {
  log_.truncate(1, 7);
  for (int number = 0; number < 20; ++number) log_.put(1, "key", "other");
  EXPECT_EQ(from(), "1:7");
}

TEST_F(LostTailOfALog, IsKnownFromWhereTheLogWasSeenToEndWhenTheViewsHadLess) {
  log_.truncate(0, 9);
  known_[0].next_offset = 8;
  known_[0].tail.resize(2);
  EXPECT_EQ(from(), "nothing");
  extend(known_, {log_.genesis().log_uuid, cut("0:10,1:10,2:10")});
  EXPECT_EQ(from(), "0:9");
}

TEST_F(LostTailOfALog, IsAllOfItInAnotherLogOrOneOfOtherPartitions) {
  for (auto& one : known_) one.log_uuid = "another";
  EXPECT_EQ(from(), "0:0,1:0,2:0");
  known_.resize(1);
  known_[0].log_uuid = log_.genesis().log_uuid;
  known_[0].partitions = 1;
  EXPECT_EQ(from(), "0:0");
}

TEST(LostTail, OfAnotherLogExtendsNothing) {
  std::vector<KnownPartition> known{{"a", 0, 1, 5, {}}};
  extend(known, {"b", cut("0:9")});
  EXPECT_EQ(known[0].next_offset, 5);
}

TEST(LostTail, IsCoveredByWhatWasGivenUpOfTheSameLogFromThereOrEarlierOn) {
  const LostTail accepted{"a", "a", cut("0:5,1:7"), cut("0:9,1:9"), ""};
  EXPECT_TRUE(covers(accepted, {"a", "a", cut("0:5"), cut("0:9"), ""}));
  EXPECT_TRUE(covers(accepted, {"a", "a", cut("0:6,1:7"), cut("0:9,1:9"), ""}));
  EXPECT_FALSE(covers(accepted, {"a", "a", cut("0:4"), cut("0:9"), ""}));
  EXPECT_FALSE(covers(accepted, {"a", "a", cut("2:8"), cut("2:9"), ""}));
  EXPECT_FALSE(covers(accepted, {"a", "b", cut("0:5"), cut("0:9"), ""}));
}

TEST(LostTail, IsReadAsItWasWritten) {
  const TempDir directory;
  EXPECT_EQ(read_lost_tail(directory.path()).error().code, ErrorCode::not_found);
  ASSERT_TRUE(write_lost_tail(directory.path(), {"a", "b", cut("0:5"), cut("0:9"), "words"}));
  const auto lost = read_lost_tail(directory.path());
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->former_log + lost->log + lost->what, "abwords");
  EXPECT_EQ(lost->from, cut("0:5"));
  EXPECT_EQ(lost->until, cut("0:9"));
  remove_lost_tail(directory.path());
  EXPECT_FALSE(read_lost_tail(directory.path()));
}

TEST(Rebuild, IsReadAsItWasWrittenWhateverBytesAnIdHas) {
  const TempDir directory;
  const std::string id("\xff\0\"x", 4);
  ASSERT_TRUE(write_rebuild(directory.path(), {{{"a", 2, 3, 8, {{7, id, 4'000'000'000U}}}}, {}}));
  const auto rebuild = read_rebuild(directory.path());
  ASSERT_TRUE(rebuild);
  EXPECT_FALSE(rebuild->accepted);
  ASSERT_EQ(rebuild->known.size(), 1u);
  const auto& known = rebuild->known.front();
  EXPECT_EQ(known.partition, 2);
  EXPECT_EQ(known.next_offset, 8);
  ASSERT_EQ(known.tail.size(), 1u);
  EXPECT_EQ(known.tail.front().id, id);
  EXPECT_EQ(known.tail.front().crc, 4'000'000'000U);
}

TEST(Rebuild, ThatIsDamagedIsAnErrorThatNamesTheFile) {
  const TempDir directory;
  std::ofstream(directory.path() / "rebuild") << "{\"known\": [{}]}";
  const auto rebuild = read_rebuild(directory.path());
  ASSERT_FALSE(rebuild);
  EXPECT_EQ(rebuild.error().code, ErrorCode::data_loss);
  EXPECT_NE(rebuild.error().message.find("rebuild"), std::string::npos);
}

}  // namespace
}  // namespace solo::ops
