// What holds for every token, wherever it is looked at: apply, the checker and the gateway go by these. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

/// How many tokens one may descend from.
inline constexpr std::uint32_t kMaxTokenDepth = 8;
/// How long a token lives when nobody says and it descends from none that ends.
inline constexpr std::uint64_t kDefaultTokenTtlMs = 30ULL * 24 * 3600 * 1000;
inline constexpr std::uint64_t kMaxTokenTtlMs = 366ULL * 24 * 3600 * 1000;
inline constexpr std::size_t kMaxTokenNoteBytes = 512;
/// Hashes in one CapabilitiesRemoved.
inline constexpr std::size_t kMaxRemovedTokens = 1'000;

/// One bit each; a set with admin has them all.
using PermissionSet = std::uint16_t;
inline constexpr PermissionSet kEveryPermission = 0xffff;

constexpr PermissionSet permission_bit(v1::Permission permission) {
  return static_cast<PermissionSet>(1U << static_cast<unsigned>(permission));
}
PermissionSet permission_set(std::span<const v1::Permission> permissions);
inline bool has_permission(PermissionSet set, v1::Permission permission) {
  return (set & permission_bit(permission)) != 0;
}

/// Microseconds `from` + `ttl_ms`, within what there is; never 0, which stands for no end.
std::int64_t end_of_life(std::int64_t from, std::uint64_t ttl_ms);

/// What a grant may say, whoever makes it. invalid_argument.
struct GrantTerms {
  std::string_view hash;
  std::span<const v1::Permission> permissions;
  /// Empty: not given.
  std::string_view services;
  std::uint64_t ttl_ms = 0;
  std::string_view note;
};
schemas::Result<void> check_grant_terms(const GrantTerms& terms);

/// In the words of apply and of a gateway that refuses early.
schemas::Error token_known_already(std::string_view accessor);
schemas::Error no_such_token(std::string_view tenant, std::string_view accessor);

/// Of its tenant's tokens, was this one ended by itself or with all the others?
inline bool is_revoked(const v1::TokenRecordT& token, const v1::TokenTenantT& tenant) {
  return token.revoked || token.epoch < tenant.epoch;
}

}  // namespace solo::projections
