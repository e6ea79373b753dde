#include "projections/token_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "schemas/service_glob.h"
#include "schemas/token.h"

namespace solo::projections {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

PermissionSet permission_set(std::span<const v1::Permission> permissions) {
  PermissionSet set = 0;
  for (const v1::Permission permission : permissions) {
    if (permission == v1::Permission::admin) return kEveryPermission;
    set = static_cast<PermissionSet>(set | permission_bit(permission));
  }
  return set;
}

std::int64_t end_of_life(std::int64_t from, std::uint64_t ttl_ms) {
  constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
  const auto ttl = static_cast<std::int64_t>(std::min(ttl_ms, kMaxTokenTtlMs)) * 1000;
  return from > kGreatest - ttl ? kGreatest : std::max<std::int64_t>(from + ttl, 1);
}

Result<void> check_grant_terms(const GrantTerms& terms) {
  if (auto hash = schemas::parse_token_hash(terms.hash); !hash) return fail(hash.error());
  if (terms.permissions.empty()) {
    return fail(ErrorCode::invalid_argument, "a token needs a permission",
                "give at least one of deploy, kill, read, logs, grant, revoke, verify, publish, audit, admin");
  }
  for (const v1::Permission permission : terms.permissions) {
    if (permission == v1::Permission::unspecified || permission > v1::Permission::MAX) {
      return fail(ErrorCode::invalid_argument, fmt::format("there is no permission {}", static_cast<int>(permission)));
    }
  }
  if (!terms.services.empty()) {
    if (auto glob = schemas::check_service_glob(terms.services); !glob) return glob;
  }
  if (terms.ttl_ms > kMaxTokenTtlMs) {
    return fail(ErrorCode::invalid_argument, "a token lives at most 366 days", "give a shorter time, and renew it");
  }
  if (terms.note.size() > kMaxTokenNoteBytes) {
    return fail(ErrorCode::invalid_argument, fmt::format("a note has at most {} bytes", kMaxTokenNoteBytes));
  }
  return {};
}

Error token_known_already(std::string_view accessor) {
  return {ErrorCode::already_exists, fmt::format("token {} was granted before", accessor),
          "make another secret for another token; to ask for the first one again, send its grant by the same id"};
}

Error no_such_token(std::string_view tenant, std::string_view accessor) {
  return {ErrorCode::not_found, fmt::format("tenant {} has no token {}", tenant, accessor),
          "`solo token list` shows them; tokens for every tenant are those of tenant system"};
}

}  // namespace solo::projections
