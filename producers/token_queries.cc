// The gateway's reads of tokens.
#include <fmt/format.h>

#include <algorithm>

#include "producers/bookmark.h"
#include "producers/decide.h"
#include "producers/gateway_queries.h"
#include "projections/token_rules.h"
#include "schemas/service_glob.h"
#include "schemas/token.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using schemas::TenantName;

constexpr std::string_view kEveryTenant = "*";
constexpr std::size_t kMaxListed = 1000;
/// Tokens looked at for one request, whoever may see them: the gateway has others to answer.
constexpr std::size_t kMaxLookedAt = 2000;

std::vector<v1::Permission> listed(projections::PermissionSet permissions) {
  if (permissions == projections::kEveryPermission) return {v1::Permission::admin};
  std::vector<v1::Permission> list;
  for (const v1::Permission permission : v1::EnumValuesPermission()) {
    if (permission != v1::Permission::unspecified && projections::has_permission(permissions, permission)) {
      list.push_back(permission);
    }
  }
  return list;
}

}  // namespace

Result<v1::TokenInfoT> GatewayQueries::info_of(const v1::TokenRecordT& record) const {
  const auto standing = tokens_.standing(record, clock_.wall_us());
  if (!standing) return fail(standing.error());
  v1::TokenInfoT info;
  if (const auto hash = schemas::parse_token_hash(record.hash)) info.accessor = schemas::token_accessor(*hash);
  info.tenant = standing->capability.all_tenants ? std::string(kEveryTenant) : record.tenant;
  info.state = standing->state;
  info.permissions = listed(standing->capability.permissions);
  info.services = standing->capability.services;
  info.expires_at = standing->capability.expires_at;
  info.granted_at = record.granted_at;
  info.parent = record.parent;
  info.depth = standing->capability.depth;
  info.note = record.note;
  info.root = record.root;
  return info;
}

Result<bool> GatewayQueries::may_see(const v1::TokenRecordT& record, const projections::Capability& capability) const {
  // Whoever sees them all is not asked of each.
  if (capability.services == schemas::kEveryService && (capability.all_tenants || !record.all_tenants)) return true;
  const auto hash = schemas::parse_token_hash(record.hash);
  if (!hash) return false;
  const std::string accessor = schemas::token_accessor(*hash);
  const auto kinship = tokens_.kinship(record.tenant, accessor, capability);
  if (!kinship) return fail(kinship.error());
  return refuse_look(accessor, *kinship, capability).has_value();
}

Result<v1::TokenInfoT> GatewayQueries::inspect(const std::string& tenant, const std::string& accessor,
                                               const projections::Capability& capability) const {
  if (auto good = schemas::check_accessor(accessor); !good) return fail(good.error());
  auto info = token(tenant, accessor);
  if (!info) return info;
  std::string owner = tenant == kEveryTenant ? info->tenant : tenant;
  if (owner == kEveryTenant) owner = schemas::kSystemTenant;
  const auto kinship = tokens_.kinship(owner, accessor, capability);
  if (!kinship) return fail(kinship.error());
  if (auto good = refuse_look(accessor, *kinship, capability); !good) return fail(good.error());
  return info;
}

Result<v1::TokenInfoT> GatewayQueries::token(const std::string& tenant, const std::string& accessor) const {
  if (accessor.empty()) {
    v1::TokenInfoT all;
    all.tenant = tenant;
    all.state = v1::TokenState::revoked;
    return all;
  }
  std::int32_t partition = 0;
  std::int32_t last = views_.partitions() - 1;
  if (tenant != kEveryTenant) partition = last = views_.of(TenantName::trusted(tenant)).partition();
  for (; partition <= last; ++partition) {
    const auto record = views_.partition(partition).token(accessor);
    if (!record) return fail(record.error());
    if (record->has_value() && (tenant == kEveryTenant || (*record)->tenant == tenant)) return info_of(**record);
  }
  return fail(projections::no_such_token(tenant, accessor));
}

Result<v1::TokenTableT> GatewayQueries::token_list(const std::string& tenant, const v1::TokenListT& list,
                                                   const projections::Capability& capability) const {
  const auto mark = parse_bookmark(list.next, views_.partitions());
  if (!mark) return fail(mark.error());
  projections::TokenQuery query;
  std::int32_t partition = mark->partition;
  std::int32_t last = views_.partitions() - 1;
  if (tenant != kEveryTenant) {
    query.tenant = TenantName::trusted(tenant);
    partition = last = views_.of(*query.tenant).partition();
  }
  query.from = mark->from;
  const std::size_t limit = list.limit == 0 ? kMaxListed : std::min<std::size_t>(list.limit, kMaxListed);
  v1::TokenTableT table;
  std::size_t looked_at = 0;
  for (; partition <= last; ++partition, query.from.clear()) {
    do {
      if (table.tokens.size() >= limit || looked_at >= kMaxLookedAt) {
        table.next = to_string({partition, query.from});
        return table;
      }
      query.limit = limit - table.tokens.size();
      auto page = views_.partition(partition).tokens(query);
      if (!page) return fail(std::move(page).error());
      looked_at += page->tokens.size();
      for (const auto& record : page->tokens) {
        const auto visible = may_see(record, capability);
        if (!visible) return fail(visible.error());
        if (!*visible) continue;
        auto info = info_of(record);
        if (!info) return fail(std::move(info).error());
        table.tokens.emplace_back(*std::move(info));
      }
      query.from = std::move(page->next);
    } while (!query.from.empty());
  }
  return table;
}

}  // namespace solo::producers
