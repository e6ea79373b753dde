#include "producers/audit_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/support/temp_dir.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;

std::string record(int number) {
  v1::EventT event;
  event.id = "run-" + std::to_string(number);
  event.source = "/nodes/a/audit";
  event.tenant = "system";
  event.time = number;
  v1::CapabilityDeniedT denied;
  denied.accessor = "acc_" + std::to_string(number);
  event.payload.Set(std::move(denied));
  return schemas::encode(event);
}

class AuditFilesTest : public ::testing::Test {
 protected:
  AuditFilesTest() { options_.directory = directory_.path() / "audit"; }

  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The ids of all records that can be read.
  std::vector<std::string> ids(std::int64_t from = 0) const {
    std::vector<std::string> found;
    const auto records = read_audit(options_.directory, from, 1'000'000);
    EXPECT_TRUE(records) << records.error().message;
    for (const auto& read : *records) found.push_back(schemas::decode_event(read.value)->id);
    return found;
  }

  testing::TempDir directory_;
  AuditFilesOptions options_;
  SystemClock clock_;
};

TEST_F(AuditFilesTest, WhatWasWrittenIsReadInOrderWithItsOffsetsAndTimes) {
  EXPECT_EQ(audit_bounds(options_.directory)->end, 0) << "before there is anything";
  AuditFiles files(options_, clock_);
  ASSERT_TRUE(files.write({record(0), record(1)}));
  ASSERT_TRUE(files.write({record(2)}));
  const auto bounds = audit_bounds(options_.directory);
  EXPECT_EQ(bounds->first, 0);
  EXPECT_EQ(bounds->end, 3);
  const auto read = read_audit(options_.directory, 1, 10);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().position.offset, 1);
  EXPECT_EQ(read->front().timestamp, 1);
  EXPECT_EQ(read->front().value, record(1));
  EXPECT_EQ(read_audit(options_.directory, 0, 1)->size(), 1U);
}

TEST_F(AuditFilesTest, NobodyButItsOwnerReadsIt) {
  AuditFiles sink(options_, clock_);
  ASSERT_TRUE(sink.write({record(0)}));
  struct stat info {};
  ASSERT_EQ(::stat(options_.directory.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat(files().front().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(AuditFilesTest, OffsetsGoOnOverStartsAndFiles) {
  options_.max_file_bytes = 1;
  for (int start = 0; start < 3; ++start) {
    AuditFiles sink(options_, clock_);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(sink.write({record(2 * start + i)}));
  }
  EXPECT_EQ(files().size(), 6U);
  EXPECT_EQ(ids(), (std::vector<std::string>{"run-0", "run-1", "run-2", "run-3", "run-4", "run-5"}));
  EXPECT_EQ(ids(4), (std::vector<std::string>{"run-4", "run-5"}));
}

TEST_F(AuditFilesTest, AHalfWrittenEndIsPassedOverWhereverItWasCut) {
  ASSERT_TRUE(AuditFiles(options_, clock_).write({record(0), record(1)}));
  const auto path = files().front();
  const auto whole = std::filesystem::file_size(path);
  for (auto size = whole - 1; size > whole / 2; --size) {
    std::filesystem::resize_file(path, size);
    ASSERT_EQ(ids(), std::vector<std::string>{"run-0"}) << size;
  }
  ASSERT_TRUE(AuditFiles(options_, clock_).write({record(2)}));
  EXPECT_EQ(ids(), (std::vector<std::string>{"run-0", "run-2"}));
  EXPECT_EQ(audit_bounds(options_.directory)->end, 2);
}

TEST_F(AuditFilesTest, ADamagedRecordIsSaidAndWhatIsBehindItsFileCanBeRead) {
  options_.max_file_bytes = 1;
  AuditFiles sink(options_, clock_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sink.write({record(i)}));
  {
    std::fstream file(files()[1], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(40);
    file.put('\x7f');
  }
  EXPECT_EQ(ids().size(), 1U) << "up to the damage";
  const auto read = read_audit(options_.directory, 1, 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::data_loss);
  EXPECT_NE(read.error().message.find("offset 1"), std::string::npos);
  EXPECT_EQ(ids(2), std::vector<std::string>{"run-2"});
}

TEST_F(AuditFilesTest, OldFilesGoAndTheNewestStays) {
  options_.max_file_bytes = 1;
  AuditFiles sink(options_, clock_);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(sink.write({record(i)}));
  const auto long_ago = std::filesystem::file_time_type::clock::now() - options_.retention - std::chrono::hours(1);
  for (const int at : {0, 1, 3}) std::filesystem::last_write_time(files()[static_cast<std::size_t>(at)], long_ago);
  ASSERT_TRUE(sink.write({record(4)}));
  // The third is not old, and files go from the oldest on.
  EXPECT_EQ(ids(), (std::vector<std::string>{"run-2", "run-3", "run-4"}));
  EXPECT_EQ(audit_bounds(options_.directory)->first, 2);
}

TEST_F(AuditFilesTest, TogetherTheyAreNoLargerThanTheyMayBe) {
  options_.max_file_bytes = 1;
  options_.max_bytes = 3 * (record(100).size() + 8);
  AuditFiles sink(options_, clock_);
  for (int i = 100; i < 120; ++i) ASSERT_TRUE(sink.write({record(i)}));
  EXPECT_LE(files().size(), 4U) << "the one that is written comes on top";
  EXPECT_EQ(ids().back(), "run-119");
}

TEST_F(AuditFilesTest, WithoutRoomNothingIsWrittenAndTheErrorSaysSo) {
  options_.min_free_bytes = std::uint64_t{1} << 60;
  AuditFiles sink(options_, clock_);
  const auto written = sink.write({record(0)});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::resource_exhausted);
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
}

TEST_F(AuditFilesTest, ADirectoryThatCannotBeMadeIsAnErrorAndComesBack) {
  std::ofstream(options_.directory) << "in the way";
  AuditFiles sink(options_, clock_);
  ASSERT_FALSE(sink.write({record(0)}));
  std::filesystem::remove(options_.directory);
  ASSERT_TRUE(sink.write({record(0)}));
  EXPECT_EQ(ids(), std::vector<std::string>{"run-0"});
}

}  // namespace
}  // namespace solo::producers
