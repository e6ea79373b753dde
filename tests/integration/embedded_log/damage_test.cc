#include <fmt/format.h>

#include "producers/record_store.h"
#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"

namespace solo::testing {
namespace {

namespace fs = std::filesystem;

using schemas::ErrorCode;

class DamagedLog : public LogDirectory {
 protected:
  /// Opens, and expects records [0, end) as fill_and_crash() wrote them.
  void expect_records(std::int64_t end) {
    const auto log = open();
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ((*log)->bounds(0)->end, end);
    const auto values = read_values(**log);
    ASSERT_TRUE(values) << values.error().message;
    ASSERT_EQ(static_cast<std::int64_t>(values->size()), end - 1);
    for (std::int64_t offset = 1; offset < end; ++offset) EXPECT_EQ((*values)[offset - 1], value_at(offset));
  }

  /// Opens, and expects to be refused because of record `offset`.
  void expect_refused(std::int64_t offset) {
    const auto log = open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, ErrorCode::data_loss) << log.error().message;
    EXPECT_NE(log.error().message.find(fmt::format(" {}", offset)), std::string::npos) << log.error().message;
    EXPECT_NE(log.error().hint.find(directory().native()), std::string::npos) << log.error().hint;
    hint_ = log.error().hint;
  }

  bool hints_at_the_mark() const { return hint_.find((directory() / "mark").native()) != std::string::npos; }

  std::string hint_;
};

TEST_F(DamagedLog, AfterAKillEveryRecordIsThereAndNothingIsCut) {
  fill_and_crash(directory(), 500);
  expect_records(500);
  EXPECT_FALSE(report().created);
  EXPECT_FALSE(report().clean);
  EXPECT_EQ(report().marked_end, 500);
  EXPECT_EQ(report().cut_bytes, 0u);
  EXPECT_TRUE(evidence().empty());
}

TEST_F(DamagedLog, AnOrderlyCloseIsRememberedAndLeavesNothingToRecover) {
  fill_and_crash(directory(), 100);
  expect_records(100);
  for (const auto& wal : files(".log")) EXPECT_EQ(fs::file_size(wal), 0u);
  expect_records(100);
  EXPECT_TRUE(report().clean);
}

TEST_F(DamagedLog, GarbageBehindTheLastRecordIsCutAndSaid) {
  fill_and_crash(directory(), 50);
  append_to_file(wal(), std::string(1234, '\x5a'));
  expect_records(50);
  EXPECT_EQ(report().cut_bytes, 1234u);
  EXPECT_TRUE(evidence().empty());
}

TEST_F(DamagedLog, ZerosBehindTheLastRecordAreCutAndSaid) {
  fill_and_crash(directory(), 50);
  append_to_file(wal(), std::string(100'000, '\0'));
  expect_records(50);
  EXPECT_EQ(report().cut_bytes, 100'000u);
}

TEST_F(DamagedLog, AHalfWrittenRecordBehindTheMarkIsCutAndTheLogGoesOnThere) {
  fill_and_crash(directory(), 50);
  fs::resize_file(wal(), fs::file_size(wal()) - 10);
  set_mark(20);
  {
    const auto log = open();
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_GT(report().cut_bytes, 0u);
    EXPECT_EQ(report().marked_end, 20);
    const auto end = (*log)->bounds(0)->end;
    EXPECT_EQ(end, 49);
    const auto result = append((*log)->commands(), value_at(end));
    ASSERT_TRUE(is_durable(result));
    EXPECT_EQ(std::get<producers::Durable>(result).position.offset, end);
  }
  const auto end = report().end + 1;
  expect_records(end);
  EXPECT_EQ(report().cut_bytes, 0u);
}

TEST_F(DamagedLog, AHalfWrittenRecordThatWasAcknowledgedIsRefusedWithItsOffsetAndTheEvidence) {
  fill_and_crash(directory(), 50);
  fs::resize_file(wal(), fs::file_size(wal()) - 10);
  expect_refused(49);
  ASSERT_EQ(evidence().size(), 1u);
  EXPECT_EQ(evidence()[0].filename(), "damaged-1");
  EXPECT_FALSE(fs::is_empty(evidence()[0]));
  EXPECT_NE(hint_.find(evidence()[0].native()), std::string::npos) << hint_;
  EXPECT_TRUE(hints_at_the_mark()) << hint_;
}

TEST_F(DamagedLog, ARefusedLogStaysRefusedAndItsEvidenceStaysOne) {
  fill_and_crash(directory(), 50);
  fs::resize_file(wal(), 0);
  expect_refused(0);
  expect_refused(0);
  EXPECT_LE(evidence().size(), 1u);
}

TEST_F(DamagedLog, AFlippedBitInTheMiddleOfTheWalIsRefusedWithTheFirstMissingOffset) {
  fill_and_crash(directory(), 10);
  const auto at = read_file(wal()).find("record-5-");
  ASSERT_NE(at, std::string::npos);
  flip_byte(wal(), static_cast<std::int64_t>(at));
  expect_refused(5);
  EXPECT_EQ(evidence().size(), 1u);
}

TEST_F(DamagedLog, AMissingWalIsRefused) {
  fill_and_crash(directory(), 50);
  fs::remove(wal());
  expect_refused(0);
}

TEST_F(DamagedLog, AMissingDatabaseIsRefused) {
  fill_and_crash(directory(), 50);
  fs::remove_all(database());
  expect_refused(0);
  EXPECT_FALSE(hints_at_the_mark()) << "nothing would be left to go on with: " << hint_;
}

TEST_F(DamagedLog, WithoutTheMarkItOpensAndSaysThatNothingVouchesForItsEnd) {
  fill_and_crash(directory(), 50);
  fs::resize_file(wal(), fs::file_size(wal()) - 10);
  fs::remove(directory() / "mark");
  const auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_TRUE(report().mark_lost);
  EXPECT_GT(report().cut_bytes, 0u);
}

TEST_F(DamagedLog, AnUnreadableMarkIsReplacedAndSaid) {
  fill_and_crash(directory(), 50);
  flip_byte(directory() / "mark", 20);
  expect_records(50);
  EXPECT_TRUE(report().mark_lost);
  expect_records(50);
  EXPECT_FALSE(report().mark_lost);
}

TEST_F(DamagedLog, TheMarkOfAnotherLogIsRefused) {
  fill_and_crash(directory(), 5);
  fill_and_crash(beside("other"), 3);
  fs::copy_file(beside("other") / "mark", directory() / "mark", fs::copy_options::overwrite_existing);
  const auto log = open();
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::failed_precondition) << log.error().message;
}

TEST_F(DamagedLog, AFlippedByteInAnEarlyRecordIsFoundWhenItIsReadUnderItsOffset) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 1u);
  flip_byte(tables.front(), 100'000);
  const auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  std::int64_t from = 0;
  for (;;) {
    const auto records = (*log)->read(from, 1000, 1 << 20);
    if (!records) {
      EXPECT_EQ(records.error().code, ErrorCode::data_loss);
      EXPECT_NE(records.error().message.find(fmt::format("record {} ", from)), std::string::npos)
          << records.error().message;
      EXPECT_EQ((*log)->read(from, 1000, 1 << 20).error(), records.error());
      break;
    }
    ASSERT_FALSE(records->empty()) << "read past the damage";
    from = records->back().position.offset + 1;
  }
  EXPECT_TRUE((*log)->read(19'999, 1, 1)) << "the damage is confined";
}

TEST_F(DamagedLog, AFlippedByteInAnEarlyRecordIsFoundInTheBackgroundAndAppendingGoesOn) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  flip_byte(tables[1], 100'000);
  const auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->condition().detail, "");
  (*log)->check_in_background({1024 * 1024, std::size_t{1} << 40});
  ASSERT_TRUE(eventually([&] { return !(*log)->condition().detail.empty(); }));
  const auto condition = (*log)->condition();
  EXPECT_TRUE(condition.writable);
  std::int64_t damaged = 0;
  while ((*log)->read(damaged, 1, 1)) ++damaged;
  EXPECT_NE(condition.detail.find(fmt::format("record {} ", damaged)), std::string::npos) << condition.detail;
  EXPECT_NE(condition.detail.find(directory().native()), std::string::npos) << condition.detail;
  EXPECT_TRUE(is_durable(append((*log)->commands(), "goes on")));
}

TEST_F(DamagedLog, ASoundLogIsCheckedInTheBackgroundWithoutAWord) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  (*log)->check_in_background({1024 * 1024, std::size_t{1} << 40});
  EXPECT_TRUE(is_durable(append((*log)->commands(), "beside it")));
  EXPECT_TRUE((*log)->close());
  EXPECT_EQ((*log)->condition().detail, "");
}

TEST_F(DamagedLog, ALostMiddleIsRefusedUnderItsOffset) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  fs::remove(tables[tables.size() / 2]);
  const auto log = open();
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::data_loss) << log.error().message;
  EXPECT_NE(log.error().message.find("the first record concerned is"), std::string::npos) << log.error().message;
}

TEST_F(DamagedLog, ALostTableIsRefusedUnderItsFirstOffset) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  fs::remove(tables[1]);
  const auto log = open();
  ASSERT_FALSE(log);
  const auto at = log.error().message.find("the first record concerned is ");
  ASSERT_NE(at, std::string::npos) << log.error().message;
  EXPECT_GT(std::stoll(log.error().message.substr(at + 30)), 0) << log.error().message;
}

TEST_F(DamagedLog, ATruncatedManifestCostsNoTableHoweverOftenTheLogIsOpened) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  const fs::path manifest =
      database() / read_file(database() / "CURRENT").substr(0, std::string("MANIFEST-000000").size());
  for (const std::uintmax_t size : {fs::file_size(manifest) / 2, std::uintmax_t{100}}) {
    fs::resize_file(manifest, size);
    for (int start = 0; start < 3; ++start) {
      const auto log = open();
      ASSERT_FALSE(log) << "manifest of " << size << " bytes";
      EXPECT_EQ(log.error().code, ErrorCode::data_loss) << log.error().message;
      for (const auto& table : tables) EXPECT_TRUE(fs::exists(table)) << table << ": " << log.error().message;
    }
  }
}

TEST_F(DamagedLog, AHalfWrittenChangeToTheManifestIsCut) {
  for (const char byte : {'\0', '\x5a'}) {
    fill_and_crash(directory(), byte == '\0' ? 5'000 : 10'000, 640 * 1024);
    const auto name = read_file(database() / "CURRENT").substr(0, std::string("MANIFEST-000000").size());
    append_to_file(database() / name, std::string(100, byte));
    expect_records(byte == '\0' ? 5'000 : 10'000);
    EXPECT_TRUE(evidence().empty());
  }
}

TEST_F(DamagedLog, AMissingCurrentIsRefusedAndNothingIsTouched) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  fs::remove(database() / "CURRENT");
  for (int start = 0; start < 3; ++start) {
    const auto log = open();
    ASSERT_FALSE(log);
    EXPECT_NE(log.error().message.find("CURRENT"), std::string::npos) << log.error().message;
    EXPECT_EQ(files(".sst"), tables);
    // As somebody who does not know better would try.
    fs::remove(directory() / "mark");
  }
}

TEST_F(DamagedLog, ALogWhoseMakingWasInterruptedIsMade) {
  // A manifest comes first in a new database.
  fs::create_directories(database());
  append_to_file(database() / "MANIFEST-000001", "half of it");
  const auto log = open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_TRUE(report().created);
}

TEST_F(DamagedLog, SomethingElseAtOffsetZeroIsNoSoloLog) {
  fs::create_directories(directory());
  {
    producers::RecordStore::Options options;
    options.directory = database();
    const auto store = producers::RecordStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    const producers::NewRecord foreign{1, "key", "not an event"};
    ASSERT_TRUE((*store)->append(0, {&foreign, 1}));
  }
  const auto log = open();
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(log.error().message.find("not a Solo log"), std::string::npos) << log.error().message;
}

}  // namespace
}  // namespace solo::testing
