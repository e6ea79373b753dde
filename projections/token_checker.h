// May this token do that? Judges secrets against the views' tokens, with what it needs in memory.
//
// A check: the token's hash is looked up, compared in constant time, and the way to its root token is walked. Its
// rights are what all tokens on that way have in common: permissions, tenant, services, time to live. One that was
// revoked, has expired or is older than its tenant's token epoch ends all that descend from it. A root token that was
// replaced stands in chains as the one that replaced it; by itself it is no longer good for anything. Expiry goes by
// the time given with the check, so nothing needs to be swept for an expired token to fail.
//
// Memory: a token that was checked before is known, with those it descends from, and is checked without touching the
// disk. At most `max_tokens` are known; beyond that, those not used for long are forgotten. A walk's result is kept
// until anything is taken from any token; then the next check of each walks again, in memory: so ending a parent of
// 100,000 tokens, or all of a tenant's, costs one flag and one count.
//
// THE INVARIANT: a check that begins after somebody has seen a position as applied (PartitionView::next_offset()) never
// accepts what the record there ended, so no gateway that answered a revocation takes the token afterwards. It rests on
// one order and one lock: a batch is first stored, then tokens_changed() is called, then the position is published; and
// reading a token from the views and putting it into memory is one step under the lock that tokens_changed() takes. So
// whatever was read before the batch was stored is in memory when tokens_changed() comes, and is marked by it;
// whatever is read later has the mark already.
// Another daemon on the same log refuses the token when its own views have come as far; until then apply rejects, at
// their place in the log, the commands that it still let through (where the token is of the same partition).
//
// A secret granted in two partitions is two tokens; which of them answers for a tenant is not defined.
//
// Threads: any. Errors: those of reading the views; nothing is known of the token then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "projections/token_rules.h"
#include "projections/views.h"
#include "schemas/result.h"
#include "schemas/schemas.h"
#include "schemas/token.h"

namespace solo::projections {

inline constexpr std::size_t kAccessorLength = 24;

/// What a token may do, with its whole way to the root taken into account.
struct Capability {
  schemas::TokenHash hash;
  std::array<char, kAccessorLength> accessor_text = {};
  /// Its own, and the only one it is good for unless it is for every tenant.
  std::string tenant;
  bool all_tenants = false;
  PermissionSet permissions = 0;
  std::string services;
  /// Microseconds since 1970 UTC; 0: never.
  std::int64_t expires_at = 0;
  /// How many tokens it descends from.
  std::uint32_t depth = 0;

  std::string_view accessor() const { return {accessor_text.data(), accessor_text.size()}; }
  bool may(v1::Permission permission) const { return has_permission(permissions, permission); }
  bool is_for(std::string_view other_tenant) const { return all_tenants || tenant == other_tenant; }
};

struct TokenVerdict {
  /// unspecified: it is good, and `capability` says for what.
  v1::DenialReason reason = v1::DenialReason::unspecified;
  Capability capability = {};
  /// Of one that is not good: its name, if it has a token's form, and whose it is, if it is known.
  std::string accessor = {};
  std::string tenant = {};

  bool good() const { return reason == v1::DenialReason::unspecified; }
};

/// How a token stands that somebody asks about.
struct TokenStanding {
  v1::TokenState state = v1::TokenState::live;
  /// What it may do, or might if it had not ended.
  Capability capability;
};

/// How a token stands to one that wants to look at it or end it.
struct TokenKinship {
  /// It is a token of the tenant, and granted for every tenant.
  bool known = false;
  bool all_tenants = false;
  /// It is that one, or descends from it.
  bool descends = false;
  /// That one descends from it.
  bool is_above = false;
};

struct CheckerOptions {
  /// At about 250 bytes each.
  std::size_t max_tokens = 1'048'576;
};

class TokenChecker {
 public:
  /// Borrows the views, and listens to them until it is gone. Neither is to begin or end while a projector applies.
  explicit TokenChecker(Views& views, CheckerOptions options = {});
  ~TokenChecker();
  TokenChecker(const TokenChecker&) = delete;
  TokenChecker& operator=(const TokenChecker&) = delete;

  /// `tenant`: whom the request is about; a token of another tenant is found, too, and not good for it.
  schemas::Result<TokenVerdict> check(std::string_view token, std::string_view tenant, std::int64_t now_us);
  /// The same of a token that was checked before.
  schemas::Result<TokenVerdict> check(const schemas::TokenHash& hash, std::string_view tenant, std::int64_t now_us);

  /// Of a token as the views have it.
  schemas::Result<TokenStanding> standing(const v1::TokenRecordT& token, std::int64_t now_us);

  /// An empty accessor stands for all of the tenant's: `is_above` if any of them is. `of`: of a check.
  schemas::Result<TokenKinship> kinship(std::string_view tenant, std::string_view accessor, const Capability& of);

  /// Another number than before: something was taken from some token since, and who was let in may not be any more. As
  /// with check(), it is another one before the record's position is told to anybody. Cheap.
  std::uint64_t losses() const;

  /// How many tokens are in memory.
  std::size_t known() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::projections
