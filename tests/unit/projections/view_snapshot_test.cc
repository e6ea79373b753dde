#include "projections/view_snapshot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "projections/keys.h"
#include "projections/values.h"
#include "tests/unit/projections/random_log.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::testing {
namespace {

using projections::EntriesCheck;
using projections::PartitionView;
using projections::Store;
using projections::ViewSnapshot;

const DeployOptions kScript{.code = "#!/bin/sh\n"};

class ViewSnapshotTest : public ::testing::Test {
 protected:
  ViewSnapshotTest() : view_(directory_.open()) { apply(make_.genesis()); }

  void apply(const schemas::LogRecord& record) { ASSERT_TRUE(view_->apply(std::span(&record, 1))); }
  void deploy(const std::string& service, const DeployOptions& options) { apply(make_.deploy(service, options)); }
  std::unique_ptr<ViewSnapshot> snapshot() {
    auto taken = view_->snapshot();
    EXPECT_TRUE(taken);
    return std::move(*taken);
  }
  EntriesCheck check() {
    const auto checked = snapshot()->check_entries({});
    EXPECT_TRUE(checked);
    return *checked;
  }
  /// Closes the view, changes its store by hand and opens it again.
  template <class Change>
  void meddle(Change change) {
    ASSERT_TRUE(view_->flush());
    view_.reset();
    const auto options = directory_.options();
    {
      auto store = Store::open(options.directory / "0", options.env);
      ASSERT_TRUE(store);
      rocksdb::WriteBatch batch;
      change(**store, batch);
      ASSERT_TRUE((*store)->write(batch));
      ASSERT_TRUE((*store)->flush());
    }
    view_ = directory_.open();
    ASSERT_TRUE(view_);
  }

  ViewDirectory directory_;
  RecordMaker make_;
  std::unique_ptr<PartitionView> view_;
};

TEST_F(ViewSnapshotTest, StaysAsItWasWhileBatchesGoOn) {
  deploy("web", kScript);
  const auto before = snapshot();
  deploy("db", {.code = "#!/bin/sh\n# other\n"});
  std::vector<std::string> names;
  ASSERT_TRUE(before->services(
      [&](const v1::ServiceRecord& record, const auto&) { names.push_back(record.service()->str()); }));
  EXPECT_EQ(names, std::vector<std::string>{"web"});
  EXPECT_EQ(before->meta().next_offset, 2);
  EXPECT_NE(before->digest(), view_->digest());
  EXPECT_EQ(snapshot()->digest(), view_->digest());
}

TEST_F(ViewSnapshotTest, SoundEntriesHaveTheDigestThatWasKept) {
  deploy("web", kScript);
  deploy("db", kScript);
  const EntriesCheck checked = check();
  EXPECT_EQ(checked.digest, view_->digest());
  EXPECT_EQ(checked.entries, 4U);
  EXPECT_EQ(checked.unsound.found, 0U);
  EXPECT_EQ(checked.disagreeing.found, 0U);
}

TEST_F(ViewSnapshotTest, AFlippedByteIsNamedByItsEntry) {
  deploy("web", kScript);
  meddle([](const Store& store, rocksdb::WriteBatch& batch) {
    const std::string key = projections::service_key("acme", "web");
    std::string value = **store.get(key);
    const auto at = value.find("web");
    ASSERT_NE(at, std::string::npos);
    value[at] = 'b';
    batch.Put(key, value);
  });
  const EntriesCheck checked = check();
  ASSERT_EQ(checked.unsound.found, 1U);
  EXPECT_EQ(checked.unsound.named[0].entry, "service acme/web");
  EXPECT_NE(checked.digest, view_->digest());
}

// Not a service's: views in which one cannot be read are rebuilt when they are opened.
TEST_F(ViewSnapshotTest, AValueThatIsNoneIsNamedByItsEntry) {
  deploy("web", kScript);
  meddle([](const Store& store, rocksdb::WriteBatch& batch) {
    ASSERT_TRUE(store.scan("n", "o", [&](std::string_view key, std::string_view) {
      batch.Put(std::string(key), "short");
      return true;
    }));
  });
  const EntriesCheck checked = check();
  ASSERT_EQ(checked.unsound.found, 1U);
  EXPECT_EQ(checked.unsound.named[0].entry.find("the count of code "), 0U) << checked.unsound.named[0].entry;
}

TEST_F(ViewSnapshotTest, ARemovedEntryChangesTheDigestAndLeavesItsCodeUncounted) {
  deploy("web", kScript);
  meddle([](const Store&, rocksdb::WriteBatch& batch) { batch.Delete(projections::service_key("acme", "web")); });
  const EntriesCheck checked = check();
  EXPECT_EQ(checked.unsound.found, 0U);
  EXPECT_NE(checked.digest, view_->digest());
  ASSERT_EQ(checked.disagreeing.found, 1U);
  EXPECT_EQ(checked.disagreeing.named[0].message, "no deployment holds it, counted are 1");
}

TEST_F(ViewSnapshotTest, ACodeTextThatIsMissingOrAnotherOneIsNamed) {
  deploy("web", kScript);
  std::string digest;
  meddle([&](const Store& store, rocksdb::WriteBatch& batch) {
    ASSERT_TRUE(store.scan("c", "d", [&](std::string_view key, std::string_view) {
      digest = key.substr(1);
      return false;
    }));
    batch.Delete("c" + digest);
  });
  EntriesCheck checked = check();
  ASSERT_EQ(checked.disagreeing.found, 1U);
  EXPECT_EQ(checked.disagreeing.named[0].entry, "code " + digest);
  EXPECT_EQ(checked.disagreeing.named[0].message, "its text is missing");
  meddle([&](const Store&, rocksdb::WriteBatch& batch) {
    projections::Packer packer;
    v1::CodeRecordT code;
    code.text = "another";
    const std::string buffer(packer.pack(code));
    batch.Put("c" + digest, projections::with_hash(*projections::entry_hash("c" + digest, buffer), buffer));
  });
  checked = check();
  EXPECT_EQ(checked.unsound.found, 0U);
  ASSERT_EQ(checked.disagreeing.found, 1U);
  EXPECT_EQ(checked.disagreeing.named[0].message, "its text is another one");
}

TEST_F(ViewSnapshotTest, ALongCheckIsDoneInSlicesAndCanBeEnded) {
  constexpr std::uint64_t kServices = 20'000;
  std::vector<schemas::LogRecord> records;
  for (std::uint64_t i = 0; i < kServices; ++i) records.push_back(make_.deploy("s" + std::to_string(i)));
  ASSERT_TRUE(view_->apply(records));
  int slices = 0;
  const auto whole = snapshot()->check_entries([&] {
    ++slices;
    return true;
  });
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->ended_early);
  EXPECT_EQ(whole->entries, kServices);
  EXPECT_EQ(whole->digest, view_->digest());
  EXPECT_GT(slices, 0);
  const auto ended = snapshot()->check_entries([] { return false; });
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->ended_early);
  EXPECT_LT(ended->entries, kServices);
}

// One thread: were there a lock to wait for, it would never return.
TEST_F(ViewSnapshotTest, BatchesAreAppliedInTheMiddleOfASlice) {
  for (int i = 0; i < 50; ++i) deploy("s" + std::to_string(i), {});
  const auto looked_at = snapshot();
  int seen = 0;
  ASSERT_TRUE(looked_at->log_entries({}, [&](std::string_view key, std::string_view) {
    if (key.front() == 's') deploy("late" + std::to_string(seen++), {});
    return true;
  }));
  EXPECT_EQ(seen, 50);
  EXPECT_EQ(view_->services({})->services.size(), 100U);
}

TEST_F(ViewSnapshotTest, TheLastVerificationReportIsThereAfterAReopening) {
  apply(make_.claim());
  v1::VerificationReportedT verified;
  verified.report.ensure().run = kRun;
  verified.report->total_deployed = 9;
  v1::EventT event = make_.observation("", payload_of(verified));
  event.tenant = "system";
  EXPECT_FALSE(view_->last_verification()->has_value());
  apply(make_.record(event));
  meddle([](const Store&, rocksdb::WriteBatch&) {});
  const auto last = view_->last_verification();
  ASSERT_TRUE(last);
  ASSERT_TRUE(last->has_value());
  EXPECT_EQ((**last).report->total_deployed, 9U);
}

RC_GTEST_PROP(AnyLog, ASnapshotsCheckFindsNothingWrong, (const std::vector<Step>& steps)) {
  const ViewDirectory directory;
  const auto view = directory.open();
  RC_ASSERT(view->apply(make_log(steps)));
  const auto snapshot = view->snapshot();
  RC_ASSERT(snapshot);
  const auto checked = (*snapshot)->check_entries({});
  RC_ASSERT(checked);
  RC_ASSERT(checked->digest == view->digest());
  RC_ASSERT((*snapshot)->digest() == view->digest());
  RC_ASSERT(checked->unsound.found == 0U);
  RC_ASSERT(checked->disagreeing.found == 0U);
  RC_ASSERT(checked->misindexed.found == 0U);
  std::size_t listed = 0;
  RC_ASSERT((*snapshot)->services([&](const auto&, const auto&) { ++listed; }));
  RC_ASSERT(listed == view->services({})->services.size());
}

}  // namespace
}  // namespace solo::testing
