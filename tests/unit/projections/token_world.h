// Views of a small log of several partitions, with a checker that listens to them: for the rules of tokens.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "projections/token_checker.h"
#include "projections/views.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tokens.h"

namespace solo::testing {

inline constexpr std::int64_t kBegin = 1'700'000'000'000'000;
inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr std::int64_t kDay = 24 * 3600 * kSecond;

struct GrantOptions {
  std::string tenant = "acme";
  /// Accessor; empty: made from none.
  std::string parent = {};
  std::vector<v1::Permission> permissions = {v1::Permission::read};
  std::string services = {};
  std::uint64_t ttl_ms = 0;
  bool all_tenants = false;
  bool root = false;
};

class TokenWorld {
 public:
  explicit TokenWorld(std::int32_t partitions = 1, projections::CheckerOptions options = {});

  /// What became of it, as the outcome says; ok if it was applied.
  schemas::ErrorCode apply(v1::EventT event);
  /// Several records of one partition as one batch.
  void apply(std::int32_t partition, std::span<const schemas::LogRecord> records);
  schemas::LogRecord record(v1::EventT event);

  schemas::ErrorCode grant(const TestToken& token, const GrantOptions& options = {});
  v1::EventT grant_event(const TestToken& token, const GrantOptions& options = {});
  schemas::ErrorCode grant_root(const TestToken& token);
  schemas::ErrorCode revoke(const TestToken& token, const std::string& tenant = "acme", const std::string& actor = {});
  v1::EventT revoke_event(const TestToken& token, const std::string& tenant = "acme", const std::string& actor = {});
  schemas::ErrorCode revoke_all(const std::string& tenant, const std::string& actor = {});
  schemas::ErrorCode deploy(const std::string& service, const std::string& actor);
  /// By the partition's owner.
  void remove(const std::string& tenant, std::vector<std::string> hashes, std::int64_t expired_before);

  projections::TokenVerdict check(const TestToken& token, const std::string& tenant = "acme");
  v1::DenialReason reason(const TestToken& token, const std::string& tenant = "acme") {
    return check(token, tenant).reason;
  }
  v1::TokenState state(const TestToken& token, const std::string& tenant = "acme");
  projections::Capability capability(const TestToken& token, const std::string& tenant = "acme");

  /// Another checker, which knows nothing yet; the former one no longer listens.
  void forget(projections::CheckerOptions options = {});

  projections::Views& views() { return *views_; }
  projections::TokenChecker& checker() { return *checker_; }
  std::int32_t home(const std::string& tenant) const;

  /// Of the checks; and of what happens next in the log.
  std::int64_t now = kBegin;

 private:
  std::unique_ptr<rocksdb::Env> memory_;
  TempDir directory_;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<projections::TokenChecker> checker_;
  std::vector<std::int64_t> next_;
  std::uint64_t ids_ = 0;
  std::uint64_t observations_ = 0;
};

}  // namespace solo::testing
