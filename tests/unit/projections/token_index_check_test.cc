// The tokens' indexes against the tokens, as a check of a snapshot finds them.
#include "projections/token_index_check.h"

#include <gtest/gtest.h>
#include <rocksdb/write_batch.h>

#include "projections/view_snapshot.h"
#include "tests/support/tokens.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::testing {
namespace {

using projections::EntriesCheck;
using projections::Store;
using rocksdb::WriteBatch;

constexpr std::uint64_t kDayMs = 86'400'000;

class TokenIndexes : public ::testing::Test {
 protected:
  TokenIndexes() : view_(directory_.open()) {
    const std::vector<schemas::LogRecord> records{make_.genesis(), grant(parent_, {}), grant(child_, parent_.accessor)};
    EXPECT_TRUE(view_->apply(records));
  }

  schemas::LogRecord grant(const TestToken& token, const std::string& actor) {
    v1::CapabilityGrantedT granted;
    granted.hash = token.hex;
    granted.permissions = {v1::Permission::read};
    granted.ttl_ms = kDayMs;
    v1::EventT event = make_.command("", payload_of(granted));
    event.actor = actor;
    return make_.record(event);
  }

  v1::TokenRecordT record_of(const TestToken& token) {
    auto record = view_->token(token.accessor);
    EXPECT_TRUE(record && *record);
    return **record;
  }

  template <class Change>
  EntriesCheck check_after(Change change) {
    EXPECT_TRUE(view_->flush());
    view_.reset();
    {
      auto store = Store::open(directory_.options().directory / "0", directory_.options().env);
      EXPECT_TRUE(store);
      WriteBatch batch;
      change(batch);
      EXPECT_TRUE((*store)->write(batch));
      EXPECT_TRUE((*store)->flush());
    }
    view_ = directory_.open();
    const auto snapshot = view_->snapshot();
    EXPECT_TRUE(snapshot);
    auto checked = (*snapshot)->check_entries({});
    EXPECT_TRUE(checked);
    return *std::move(checked);
  }
  /// One trouble and no other.
  void expect(const EntriesCheck& checked, const std::string& entry, const std::string& message) {
    ASSERT_EQ(checked.misindexed.found, 1U);
    EXPECT_EQ(checked.misindexed.named[0].entry, entry);
    EXPECT_EQ(checked.misindexed.named[0].message, message);
    EXPECT_EQ(checked.unsound.found, 0U);
    EXPECT_EQ(checked.disagreeing.found, 0U);
    EXPECT_EQ(checked.digest, view_->digest()) << "the digest covers no index";
  }

  ViewDirectory directory_;
  RecordMaker make_;
  const TestToken parent_ = test_token(1);
  const TestToken child_ = test_token(2);
  std::unique_ptr<projections::PartitionView> view_;
};

TEST_F(TokenIndexes, AgreeWithTheTokensAsTheyAreWritten) {
  const EntriesCheck checked = check_after([](WriteBatch&) {});
  EXPECT_EQ(checked.misindexed.found, 0U);
  EXPECT_EQ(checked.index_entries, 4U);
}

TEST_F(TokenIndexes, ATokenThatIsNotListedUnderItsParentIsNamed) {
  const auto checked = check_after([&](WriteBatch& batch) {
    batch.Delete(projections::token_parent_key("acme", parent_.accessor, child_.accessor));
  });
  expect(checked, "token " + child_.accessor, "it is missing in the list of acme's tokens from " + parent_.accessor);
}

TEST_F(TokenIndexes, ATokenThatIsNotListedByItsExpiryIsNamed) {
  const auto expired_by = record_of(parent_).expired_by;
  const auto checked = check_after(
      [&](WriteBatch& batch) { batch.Delete(projections::token_expiry_key(expired_by, parent_.accessor)); });
  expect(checked, "token " + parent_.accessor, "it is missing in the list of expiries");
}

TEST_F(TokenIndexes, AnEntryOfATokenThatThereIsNotIsNamed) {
  const std::string nobody = test_token(3).accessor;
  const auto checked =
      check_after([&](WriteBatch& batch) { batch.Put(projections::token_parent_key("acme", {}, nobody), {}); });
  expect(checked, "token " + nobody, "it is in the list of acme's tokens without a parent, and there is no such token");
}

TEST_F(TokenIndexes, AnEntryOfATokenThatBelongsElsewhereIsNamed) {
  const auto expired_by = record_of(child_).expired_by;
  const auto checked = check_after(
      [&](WriteBatch& batch) { batch.Put(projections::token_expiry_key(expired_by + 1, child_.accessor), {}); });
  expect(checked, "token " + child_.accessor, "it is in the list of expiries, and does not belong there");
}

TEST_F(TokenIndexes, ATokenThatIsGoneLeavesItsEntriesBehindAndBothAreNamed) {
  const auto checked = check_after([&](WriteBatch& batch) { batch.Delete("a" + child_.accessor); });
  EXPECT_EQ(checked.misindexed.found, 2U);
  EXPECT_NE(checked.digest, view_->digest());
}

TEST_F(TokenIndexes, ADamagedTokenIsNamedAsDamagedAndItsEntriesAreNot) {
  const auto checked = check_after([&](WriteBatch& batch) { batch.Put("a" + child_.accessor, "short"); });
  EXPECT_EQ(checked.unsound.found, 1U);
  EXPECT_EQ(checked.misindexed.found, 0U);
}

TEST_F(TokenIndexes, OfManyTroublesAHundredAreNamedAndAllAreCounted) {
  const auto checked = check_after([&](WriteBatch& batch) {
    for (std::uint64_t i = 0; i < 150; ++i) {
      batch.Put(projections::token_parent_key("acme", {}, test_token(100 + i).accessor), {});
    }
  });
  EXPECT_EQ(checked.misindexed.found, 150U);
  EXPECT_EQ(checked.misindexed.named.size(), 100U);
}

}  // namespace
}  // namespace solo::testing
