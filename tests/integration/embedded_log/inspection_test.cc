#include <fmt/format.h>

#include "producers/log_inspection.h"
#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"

namespace solo::testing {
namespace {

namespace fs = std::filesystem;

using producers::LogInspector;
using schemas::ErrorCode;

class InspectedLog : public LogDirectory {
 protected:
  /// Every file of the log with its size.
  std::map<std::string, std::uintmax_t> listing() const {
    std::map<std::string, std::uintmax_t> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory())) {
      found[entry.path().string()] = entry.is_regular_file() ? entry.file_size() : 0;
    }
    return found;
  }
};

TEST_F(InspectedLog, AStoppedLogIsReadWithoutWritingToIt) {
  fill_and_crash(directory(), 1000, 64 * 1024);
  const auto before = listing();
  {
    const auto inspector = LogInspector::open(directory());
    ASSERT_TRUE(inspector) << inspector.error().message;
    EXPECT_FALSE((*inspector)->live());
    EXPECT_EQ((*inspector)->bounds()->end, 1000);
    const auto records = (*inspector)->read(500, 10);
    ASSERT_TRUE(records) << records.error().message;
    ASSERT_EQ(records->size(), 10u);
    EXPECT_EQ(records->front().value, value_at(500));
    EXPECT_TRUE((*inspector)->read(1000, 10)->empty());
    const auto check = (*inspector)->check();
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_EQ(check->records, 1000);
    EXPECT_FALSE(check->damage);
  }
  EXPECT_EQ(listing(), before);
  EXPECT_TRUE(open());
}

TEST_F(InspectedLog, ALiveLogIsFollowedUpToWhatIsAcknowledged) {
  const auto file = beside("acknowledged");
  const auto appender = start_appender(directory(), file);
  ASSERT_TRUE(eventually([&] { return read_acknowledged(file).size() > 10; }));
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  EXPECT_TRUE((*inspector)->live());
  EXPECT_EQ((*inspector)->genesis()->log_uuid.size(), 36u);
  std::map<std::int64_t, std::string> seen;
  std::int64_t from = 1;
  const auto follow = [&] {
    const auto records = (*inspector)->read(from, 1000);
    ASSERT_TRUE(records) << records.error().message;
    for (const auto& record : *records) {
      ASSERT_EQ(record.position.offset, from++);
      seen[record.position.offset] = record.value;
    }
  };
  // Through several of the writer's own tables: 4 MiB each.
  ASSERT_TRUE(eventually(
      [&] {
        follow();
        return HasFatalFailure() || (files(".sst").size() > 1 && from > 10'000);
      },
      std::chrono::seconds(150)));
  appender->kill9();
  const auto acknowledged = read_acknowledged(file);
  const auto last = acknowledged.rbegin()->first;
  ASSERT_TRUE(eventually([&] {
    follow();
    return HasFatalFailure() || from > last;
  }));
  for (const auto& [offset, value] : acknowledged) ASSERT_EQ(seen[offset], value);
}

TEST_F(InspectedLog, ALiveLogIsChecked) {
  const auto file = beside("acknowledged");
  const auto appender = start_appender(directory(), file);
  ASSERT_TRUE(eventually([&] { return read_acknowledged(file).size() > 1000; }));
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  const auto check = (*inspector)->check();
  ASSERT_TRUE(check) << check.error().message;
  EXPECT_FALSE(check->damage) << check->damage->error.message;
  EXPECT_GT(check->records, 1000);
}

TEST_F(InspectedLog, FollowingGoesOnOverARestartOfTheDaemon) {
  fill_and_crash(directory(), 100);
  std::int64_t from = 0;
  const auto ready = beside("ready");
  auto holder = start_holder(directory(), ready);
  ASSERT_TRUE(eventually([&] { return fs::exists(ready); }));
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  ASSERT_TRUE((*inspector)->live());
  const auto reach = [&](std::int64_t end) {
    return eventually([&] {
      const auto records = (*inspector)->read(from, 1000);
      EXPECT_TRUE(records) << records.error().message;
      if (records && !records->empty()) from = records->back().position.offset + 1;
      return from == end;
    });
  };
  EXPECT_TRUE(reach(100));
  holder->kill9();
  fill_and_crash(directory(), 200);
  EXPECT_TRUE(reach(200));
  fill_and_crash(directory(), 300);
  EXPECT_TRUE(reach(300));
}

TEST_F(InspectedLog, ItsScratchDirectoryIsGoneAfterwards) {
  const auto scratch_directories = [] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
      count += entry.path().filename().string().rfind(fmt::format("solo-log-{}-", getpid()), 0) == 0 ? 1 : 0;
    }
    return count;
  };
  const auto ready = beside("ready");
  const auto holder = start_holder(directory(), ready);
  ASSERT_TRUE(eventually([&] { return fs::exists(ready); }));
  {
    const auto inspector = LogInspector::open(directory());
    ASSERT_TRUE(inspector) << inspector.error().message;
    EXPECT_EQ(scratch_directories(), 1);
  }
  EXPECT_EQ(scratch_directories(), 0);
}

TEST_F(InspectedLog, CheckNamesTheFirstDamagedRecord) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  flip_byte(tables[1], 100'000);
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  const auto check = (*inspector)->check();
  ASSERT_TRUE(check) << check.error().message;
  ASSERT_TRUE(check->damage);
  EXPECT_EQ(check->damage->offset, check->records);
  EXPECT_GT(check->damage->offset, 0);
  EXPECT_LT(check->damage->offset, 20'000);
  EXPECT_EQ(check->bounds.end, 20'000);
  EXPECT_NE(check->damage->error.message.find(std::to_string(check->damage->offset)), std::string::npos);
}

TEST_F(InspectedLog, CheckNamesTheFirstRecordOfALostMiddle) {
  fill_and_crash(directory(), 20'000, 640 * 1024);
  const auto tables = files(".sst");
  ASSERT_GT(tables.size(), 2u);
  fs::remove(tables[tables.size() / 2]);
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  const auto check = (*inspector)->check();
  ASSERT_TRUE(check) << check.error().message;
  ASSERT_TRUE(check->damage);
  EXPECT_EQ(check->damage->error.code, ErrorCode::data_loss);
}

TEST_F(InspectedLog, CheckSeesThatAcknowledgedRecordsAreMissingFromTheEnd) {
  fill_and_crash(directory(), 50);
  fs::resize_file(wal(), 0);
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  const auto check = (*inspector)->check();
  ASSERT_TRUE(check) << check.error().message;
  ASSERT_TRUE(check->damage);
  EXPECT_EQ(check->damage->offset, 0);
}

TEST_F(InspectedLog, CheckCanBeEndedEarly) {
  fill_and_crash(directory(), 20'000);
  const auto inspector = LogInspector::open(directory());
  ASSERT_TRUE(inspector) << inspector.error().message;
  int told = 0;
  const auto check = (*inspector)->check([&](const producers::LogCheck&) { return ++told < 1; });
  ASSERT_TRUE(check);
  EXPECT_EQ(told, 1);
  EXPECT_LT(check->records, 20'000);
}

TEST_F(InspectedLog, WhereThereIsNoLogItSaysSo) {
  const auto inspector = LogInspector::open(directory());
  ASSERT_FALSE(inspector);
  EXPECT_EQ(inspector.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace solo::testing
