#include "consumers/views_check.h"

#include <gtest/gtest.h>

#include "consumers/machine_scan.h"

namespace solo::consumers {
namespace {

v1::PartitionMetaT meta(std::int64_t next_offset, std::vector<std::int64_t> marks) {
  v1::PartitionMetaT made;
  made.next_offset = next_offset;
  for (const std::int64_t offset : marks) {
    v1::RecordMarkT mark;
    mark.offset = offset;
    made.tail.emplace_back(mark);
  }
  return made;
}

TEST(CheckMarks, NothingIsWrongWithViewsThatRememberTheirLastRecords) {
  EXPECT_FALSE(check_marks(meta(0, {}), true));
  EXPECT_FALSE(check_marks(meta(3, {0, 1, 2}), true));
}

TEST(CheckMarks, APositionBeyondTheLastRecordIsWrongWhereTheLogHasNoGaps) {
  const auto found = check_marks(meta(5, {0, 1, 2}), true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "views_position");
  EXPECT_EQ(found->severity, v1::Severity::critical);
  EXPECT_FALSE(check_marks(meta(5, {0, 1, 2}), false));
}

TEST(CheckMarks, APositionBeforeTheLastRecordIsWrongEverywhere) {
  EXPECT_TRUE(check_marks(meta(2, {0, 1, 2}), true));
  EXPECT_TRUE(check_marks(meta(2, {0, 1, 2}), false));
}

TEST(CheckMarks, ARecordThatWasSkippedLeavesAGap) {
  EXPECT_TRUE(check_marks(meta(4, {0, 1, 3}), true));
  EXPECT_FALSE(check_marks(meta(4, {0, 1, 3}), false));
}

TEST(CheckMarks, ViewsThatAppliedSomethingRememberSomething) { EXPECT_TRUE(check_marks(meta(4, {}), false)); }

TEST(JudgeReplay, SortsAFailureByWhatItSaysOfTheLog) {
  Diff diff;
  EXPECT_TRUE(judge_replay(0, schemas::fail(schemas::ErrorCode::data_loss, "record 7 is missing"), diff));
  EXPECT_TRUE(judge_replay(0, schemas::fail(schemas::ErrorCode::failed_precondition, "upgrade"), diff));
  EXPECT_FALSE(judge_replay(0, schemas::fail(schemas::ErrorCode::unavailable, "stopped"), diff));
  ASSERT_EQ(diff.findings.size(), 2U);
  EXPECT_EQ(diff.findings[0].code, "log_is_whole");
  EXPECT_EQ(diff.findings[1].code, "rules_are_known");
}

TEST(CodeDigestIn, FindsTheArtifactThatRuns) {
  const std::string digest(64, 'a');
  using namespace std::string_literals;
  EXPECT_EQ(code_digest_in("/bin/sh\0/state/artifacts/script-"s + digest + "\0--x\0"s), digest);
  EXPECT_EQ(code_digest_in("/state/artifacts/cxx-" + digest + "-0123/program\0"s), digest);
  EXPECT_EQ(code_digest_in("/bin/sleep\0artifacts\0"s), "");
  EXPECT_EQ(code_digest_in("/state/artifacts/script-abc"), "");
}

}  // namespace
}  // namespace solo::consumers
