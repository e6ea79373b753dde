// Grants and revocations: what a token's holder may make and end.
#include <fmt/format.h>

#include "producers/decide.h"
#include "projections/token_checker.h"
#include "projections/token_rules.h"
#include "schemas/service_glob.h"
#include "schemas/token.h"

namespace solo::producers {
namespace {

using projections::Capability;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::string_view kEveryTenant = "*";

tl::unexpected<schemas::Error> wider(const Capability& granter, std::string_view what) {
  return fail(ErrorCode::permission_denied, fmt::format("token {} cannot give {}", granter.accessor(), what),
              "a token's tenant, permissions, services and time to live are within those of the one it is made from");
}

Result<void> check_target(const v1::RequestT& request, const v1::TokenGrantT& grant, const Capability& granter) {
  if (grant.tenant == kEveryTenant) {
    if (!granter.all_tenants) return wider(granter, "rights for every tenant, it is for one");
    if (request.tenant == schemas::kSystemTenant) return {};
    return fail(ErrorCode::invalid_argument, "a token for every tenant is granted in tenant system",
                "say tenant system in the request, and * in the body");
  }
  if (grant.tenant.empty() || grant.tenant == request.tenant) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("the request is about tenant {}, the token for {}", request.tenant, grant.tenant),
              "name the same tenant, or leave it out in the body");
}

Result<void> check_within(const v1::TokenGrantT& grant, const DecideContext& context) {
  const Capability& granter = *context.capability;
  for (const v1::Permission permission : grant.permissions) {
    if (granter.may(permission)) continue;
    return wider(granter, fmt::format("the permission {}, which it lacks", v1::EnumNamePermission(permission)));
  }
  if (!grant.services.empty() && !schemas::glob_within(grant.services, granter.services)) {
    return wider(granter, fmt::format("services {}, it is for {}", grant.services, granter.services));
  }
  if (grant.ttl_ms != 0 && granter.expires_at != 0 &&
      projections::end_of_life(context.wall_us, grant.ttl_ms) > granter.expires_at) {
    return wider(granter, fmt::format("{} s, it has {} s left", grant.ttl_ms / 1000,
                                      (granter.expires_at - context.wall_us) / 1'000'000));
  }
  if (granter.depth >= projections::kMaxTokenDepth) {
    return fail(
        ErrorCode::failed_precondition,
        fmt::format("token {} descends from {} others, and no more are allowed", granter.accessor(), granter.depth),
        "make the token from one further up");
  }
  return {};
}

Result<v1::PayloadUnion> grant_payload(const v1::RequestT& request, const DecideContext& context) {
  const v1::TokenGrantT& grant = *request.body.AsTokenGrant();
  if (auto good =
          projections::check_grant_terms({grant.hash, grant.permissions, grant.services, grant.ttl_ms, grant.note});
      !good) {
    return fail(good.error());
  }
  if (schemas::holds_token(grant.note)) {
    return fail(ErrorCode::invalid_argument, "the note holds a token, and notes are kept in the log and shown in lists",
                "name a token by its accessor, acc_...; if others have seen this one, revoke it");
  }
  if (auto good = check_target(request, grant, *context.capability); !good) return fail(good.error());
  v1::CapabilityGrantedT granted;
  granted.hash = grant.hash;
  granted.all_tenants = grant.tenant == kEveryTenant;
  granted.permissions = grant.permissions;
  granted.services = grant.services;
  granted.ttl_ms = grant.ttl_ms;
  // What its parent has left, unless that never ends.
  if (granted.ttl_ms == 0 && context.capability->expires_at == 0) granted.ttl_ms = projections::kDefaultTokenTtlMs;
  granted.note = grant.note;
  v1::PayloadUnion payload;
  payload.Set(std::move(granted));
  return payload;
}

tl::unexpected<schemas::Error> may_not(const Capability& capability, const std::string& why, const char* hint) {
  return fail(ErrorCode::permission_denied, fmt::format("token {} {}", capability.accessor(), why), hint);
}

/// Tokens for every tenant are tenant system's; so are others.
Result<void> check_every_tenant(std::string_view what, const Capability& capability) {
  if (capability.all_tenants) return {};
  return may_not(capability, fmt::format("is for tenant {} alone, and {} for every tenant", capability.tenant, what),
                 "ask an operator, whose token is for every tenant");
}

Result<void> check_every_service(std::string_view what, const Capability& capability) {
  if (capability.services == schemas::kEveryService) return {};
  return may_not(capability, fmt::format("is for services {}, and {} needs one for all", capability.services, what),
                 "ask whoever granted it; its own descendants it may see and end");
}

Result<void> check_revoke_all(const v1::RequestT& request, const DecideContext& context) {
  const Capability& capability = *context.capability;
  if (!capability.may(v1::Permission::admin)) {
    return may_not(capability, "lacks the permission admin, which revoking all of a tenant's tokens needs",
                   "revoke those it has granted one by one");
  }
  if (request.tenant == schemas::kSystemTenant) {
    if (auto good = check_every_tenant("some of those are", capability); !good) return good;
  }
  if (auto good = check_every_service("revoking all of a tenant's tokens", capability); !good) return good;
  if (!context.kinship.is_above) return {};
  return may_not(capability, "descends from one of them, and cannot end what it descends from",
                 "ask whoever granted it, or revoke the others one by one");
}

Result<void> check_revoke(const v1::RequestT& request, const DecideContext& context) {
  const v1::TokenRevokeT& revoke = *request.body.AsTokenRevoke();
  if (revoke.all) return check_revoke_all(request, context);
  const Capability& capability = *context.capability;
  if (context.kinship.is_above) {
    return may_not(capability, fmt::format("descends from {}, and cannot end it", revoke.accessor),
                   "ask whoever granted that one");
  }
  if (context.kinship.descends) return {};
  if (!capability.may(v1::Permission::admin)) {
    return may_not(capability, "lacks the permission admin, which revoking tokens that it has not granted needs",
                   "ask whoever granted it");
  }
  if (request.tenant == schemas::kSystemTenant && !capability.all_tenants) {
    // Of one that the views do not have yet nobody can tell whether it is for every tenant.
    if (!context.kinship.known) return fail(projections::no_such_token(request.tenant, revoke.accessor));
    if (context.kinship.all_tenants) return check_every_tenant(revoke.accessor + " is", capability);
  }
  return check_every_service("revoking tokens that it has not granted", capability);
}

Result<v1::PayloadUnion> revoke_payload(const v1::RequestT& request) {
  const v1::TokenRevokeT& revoke = *request.body.AsTokenRevoke();
  if (revoke.all != revoke.accessor.empty()) {
    return fail(ErrorCode::invalid_argument, "either one token is revoked, or all of the tenant's",
                "give an accessor, or all");
  }
  if (!revoke.all) {
    if (auto good = schemas::check_accessor(revoke.accessor); !good) return fail(good.error());
  }
  v1::CapabilityRevokedT revoked;
  revoked.accessor = revoke.accessor;
  revoked.all = revoke.all;
  v1::PayloadUnion payload;
  payload.Set(std::move(revoked));
  return payload;
}

}  // namespace

bool is_token_order(const v1::RequestT& request) {
  return request.body.type == v1::Command::TokenGrant || request.body.type == v1::Command::TokenRevoke;
}

Result<v1::PayloadUnion> token_payload(const v1::RequestT& request, const DecideContext& context) {
  if (context.capability == nullptr) return fail(ErrorCode::unauthenticated, "tokens come from tokens");
  return request.body.type == v1::Command::TokenGrant ? grant_payload(request, context) : revoke_payload(request);
}

Result<void> refuse_beyond_rights(const v1::RequestT& request, const DecideContext& context) {
  if (!is_token_order(request)) return {};
  if (const auto* grant = request.body.AsTokenGrant()) return check_within(*grant, context);
  return check_revoke(request, context);
}

Result<void> refuse_look(std::string_view accessor, const projections::TokenKinship& kinship,
                         const Capability& capability) {
  if (kinship.descends) return {};
  if (kinship.all_tenants) {
    if (auto good = check_every_tenant(fmt::format("{} is", accessor), capability); !good) return good;
  }
  return check_every_service("looking at tokens that it has not granted", capability);
}

std::string token_of(const v1::EventT& event) {
  if (const auto* granted = event.payload.AsCapabilityGranted()) {
    const auto hash = schemas::parse_token_hash(granted->hash);
    return hash ? schemas::token_accessor(*hash) : std::string();
  }
  const auto* revoked = event.payload.AsCapabilityRevoked();
  return revoked != nullptr ? revoked->accessor : std::string();
}

Result<void> refuse_token_early(const v1::EventT& event, const std::optional<v1::TokenRecordT>& record) {
  const std::string accessor = token_of(event);
  if (event.payload.AsCapabilityGranted() != nullptr) {
    if (record) return fail(projections::token_known_already(accessor));
  } else if (!accessor.empty() && (!record || record->tenant != event.tenant)) {
    return fail(projections::no_such_token(event.tenant, accessor));
  }
  return {};
}

}  // namespace solo::producers
