// The keys of the views, one prefix per view. Their order is part of the layout (kLayout in views.h).
//
//   m                        PartitionMeta, without its tail
//   k SLOT                   RecordMark: one of the last 64 records, SLOT = offset mod 64 as one byte
//   s TENANT 00 SERVICE      hash, ServiceRecord      the 00 sorts before every character of a name, so that
//   c DIGEST                 hash, CodeRecord         tenants stay in the order of their names
//   n DIGEST                 hash, CodeReferences
//   t TENANT                 TenantRecord
//   o OFFSET                 a page of outcomes (outcome_page.h), by its first one's offset: 8 bytes, big-endian, so
//                            that log order is key order
//   x OFFSET                 a page of the outcome index, by its first offset (outcome_index.h)
//   d OFFSET                 DeadLetter
//   v                        RecoveryRecord
//   a ACCESSOR               hash, TokenRecord
//   u TENANT                 hash, TokenTenant
//   p TENANT 00 PARENT 00 ACCESSOR       nothing: the tenant's tokens, those of one parent together
//   e EXPIRED_BY ACCESSOR                nothing: 8 bytes, big-endian; tokens that never expire are left out
//   y                        VerificationRecord
//
// Values are FlatBuffers; those of the domain entries (s, c, n, a, u: what the digest covers) are preceded by the 16
// bytes of their hash, so that a change need not compute the hash of what it replaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::projections {

enum class View : char {
  meta = 'm',
  mark = 'k',
  service = 's',
  code = 'c',
  code_references = 'n',
  tenant = 't',
  outcome = 'o',
  outcome_index = 'x',
  dead_letter = 'd',
  recovery = 'v',
  token = 'a',
  token_tenant = 'u',
  token_parent = 'p',
  token_expiry = 'e',
  verification = 'y',
};

/// How many of the last records are remembered.
inline constexpr std::int64_t kMarks = 64;

/// The keys of a view are those that begin with its prefix; also the whole key of a view of one entry.
std::string prefix_key(View view);
std::string text_key(View view, std::string_view text);
std::string offset_key(View view, std::int64_t offset);
std::string service_key(std::string_view tenant, std::string_view service);
/// The same into a string that is there.
void put_service_key(std::string& key, std::string_view tenant, std::string_view service);
/// Greater than the key of every service of the tenant, and of none after it.
std::string tenant_services_end(std::string_view tenant);
std::string mark_key(std::int64_t offset);

/// Tenant and service of a service's key. Nothing: it is not one.
std::optional<std::pair<std::string_view, std::string_view>> split_service_key(std::string_view key);
/// Of the token's place among its tenant's. An empty accessor: where those of the parent begin; an empty parent and
/// accessor: where those of none begin, the tenant's first.
std::string token_parent_key(std::string_view tenant, std::string_view parent, std::string_view accessor);
std::string token_expiry_key(std::int64_t expired_by, std::string_view accessor);

struct TokenPlace {
  std::string_view tenant;
  std::string_view parent;
  std::string_view accessor;
};
/// Nothing: it is no token_parent_key().
std::optional<TokenPlace> split_token_parent_key(std::string_view key);
/// The keys under which a token is found in the views' indexes.
std::vector<std::string> token_index_keys(const TokenPlace& place, std::int64_t expired_by);
/// Of a token_expiry_key().
std::string_view accessor_of_expiry_key(std::string_view key);

std::int64_t offset_of_key(std::string_view key);

/// The smallest key greater than every key with this prefix (the prefix does not end in ff).
std::string end_of_prefix(std::string prefix);

}  // namespace solo::projections
