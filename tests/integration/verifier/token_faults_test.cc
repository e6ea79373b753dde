// The tokens' indexes changed behind a daemon's back: named and left alone.
#include <rocksdb/write_batch.h>

#include "projections/keys.h"
#include "projections/values.h"
#include "schemas/token.h"
#include "tests/integration/verifier/verifier_fixture.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

using Names = std::vector<std::string>;
using projections::Store;
using rocksdb::WriteBatch;

class TokenFaults : public VerifierTest {
 protected:
  /// A daemon with one token made from its root token; the root token's accessor is root_.
  void start_with_token() {
    start();
    v1::CommandUnion body;
    v1::TokenGrantT grant;
    grant.hash = token_.hex;
    grant.permissions = {v1::Permission::read};
    body.Set(std::move(grant));
    const auto reply = call(std::move(body));
    ASSERT_TRUE(reply.ok) << (reply.error ? reply.error->message : "");
    root_ = schemas::token_accessor(schemas::hash_token(daemon_.root_token()));
    EXPECT_EQ(named(verify()), Names{});
  }
  void expect_named(const std::string& accessor, const std::string& found) {
    start();
    const auto report = verify({.fix = true});
    EXPECT_EQ(named(report), Names{"token_indexes_agree"}) << words(report);
    const auto one = first(report, "token_indexes_agree");
    EXPECT_EQ(one.expected, "a sound token " + accessor);
    EXPECT_EQ(one.found, found);
    EXPECT_EQ(one.evidence, "partition 0");
    EXPECT_EQ(one.severity, v1::Severity::critical);
    EXPECT_EQ(report.status, v1::VerificationStatus::critical);
    EXPECT_EQ(report.repaired, 0U);
    EXPECT_NE(one.repair.find("left alone: stop the daemon"), std::string::npos) << one.repair;
    EXPECT_EQ(health().status, v1::HealthStatus::degraded);
    EXPECT_EQ(solo({"verify"}).code, 1);
    const auto replayed = verify({.rebuild = true});
    EXPECT_EQ(named(replayed), (Names{"token_indexes_agree", "views_equal_replay"})) << words(replayed);
    EXPECT_NE(first(replayed, "views_equal_replay").evidence.find("token " + accessor + " in the list"),
              std::string::npos)
        << words(replayed);
  }

  const TestToken token_ = test_token(7);
  std::string root_;
};

TEST_F(TokenFaults, ATokenThatIsMissingAmongItsParentsIsNamed) {
  start_with_token();
  meddle_with_views(
      [&](Store&, WriteBatch& batch) { batch.Delete(projections::token_parent_key("acme", root_, token_.accessor)); });
  expect_named(token_.accessor, "it is missing in the list of acme's tokens from " + root_);
}

TEST_F(TokenFaults, ATokenThatIsMissingByItsExpiryIsNamed) {
  start_with_token();
  meddle_with_views([&](Store& store, WriteBatch& batch) {
    const std::string value = **store.get("a" + token_.accessor);
    const auto record = projections::unpack<v1::TokenRecordT>(std::string(projections::split_hash(value)->buffer));
    ASSERT_NE(record->expired_by, 0);
    const std::string key = projections::token_expiry_key(record->expired_by, token_.accessor);
    ASSERT_TRUE(*store.get(key));
    batch.Delete(key);
  });
  expect_named(token_.accessor, "it is missing in the list of expiries");
}

TEST_F(TokenFaults, AnEntryOfATokenThatWasNeverGrantedIsNamed) {
  start_with_token();
  const std::string nobody = test_token(8).accessor;
  meddle_with_views(
      [&](Store&, WriteBatch& batch) { batch.Put(projections::token_parent_key("acme", root_, nobody), {}); });
  expect_named(nobody, "it is in the list of acme's tokens from " + root_ + ", and there is no such token");
}

}  // namespace
}  // namespace solo::testing
