// Tokens: granted, revoked, swept out. What a token may do, and whether what it descends from still stands, is found
// out when it is used (token_checker.h): a parent may be in another partition, of which nothing is known here.
#include <algorithm>

#include "projections/apply_rules.h"
#include "projections/token_rules.h"
#include "schemas/ids.h"
#include "schemas/token.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;

Judgement refused_by(const schemas::Error& error) { return rejected(error.code, error.message); }

std::vector<v1::Permission> permissions_of(const v1::CapabilityGranted& granted) {
  std::vector<v1::Permission> permissions;
  if (granted.permissions() == nullptr) return permissions;
  for (const auto value : *granted.permissions()) permissions.push_back(static_cast<v1::Permission>(value));
  return permissions;
}

/// A root token is nobody's child and for everybody.
std::optional<Judgement> refuse_root(const Incoming& incoming, const v1::CapabilityGranted& granted) {
  const bool for_all = incoming.tenant == schemas::kSystemTenant && granted.all_tenants();
  if (for_all && granted.ttl_ms() == 0 && text_of(incoming.event.actor()).empty()) return std::nullopt;
  return rejected(ErrorCode::invalid_argument,
                  "a root token is for every tenant, in tenant system, never expires and descends from none");
}

/// By when it has expired whatever it descends from; `parent`: where it is one of the same tenant.
std::int64_t expired_by(const v1::TokenRecordT& token, const v1::TokenRecordT* parent) {
  if (token.root) return 0;
  const std::int64_t own = token.expires_at != 0 ? token.expires_at : end_of_life(token.granted_at, kMaxTokenTtlMs);
  return parent == nullptr || parent->expired_by == 0 ? own : std::min(own, parent->expired_by);
}

/// The former root token steps down, unless it was revoked: then what descends from it has ended with it.
void replace_root(const std::string& hash, const std::string& accessor, PartitionState& state) {
  v1::TokenTenantT& tenant = state.edit_token_tenant(schemas::kSystemTenant);
  if (const auto former = schemas::parse_token_hash(tenant.root)) {
    const std::string name = schemas::token_accessor(*former);
    const v1::TokenRecordT* record = state.find_token(name);
    if (record != nullptr && !is_revoked(*record, tenant)) {
      v1::TokenRecordT& stepped_down = state.edit_token(name);
      stepped_down.replaced = true;
      stepped_down.replaced_by = accessor;
    }
  }
  tenant.root = hash;
}

Judgement apply_granted(const Incoming& incoming, const v1::CapabilityGranted& granted, PartitionState& state) {
  const std::vector<v1::Permission> permissions = permissions_of(granted);
  const std::string hash(text_of(granted.hash()));
  if (auto good = check_grant_terms(
          {hash, permissions, text_of(granted.services()), granted.ttl_ms(), text_of(granted.note())});
      !good) {
    return refused_by(good.error());
  }
  if (granted.all_tenants() && incoming.tenant != schemas::kSystemTenant) {
    return rejected(ErrorCode::invalid_argument, "a token for every tenant is granted in tenant system");
  }
  if (granted.root()) {
    if (auto refused = refuse_root(incoming, granted)) return *std::move(refused);
  }
  const std::string accessor = schemas::token_accessor(*schemas::parse_token_hash(hash));
  if (state.find_token(accessor) != nullptr) return refused_by(token_known_already(accessor));

  v1::TokenRecordT token;
  token.tenant = incoming.tenant;
  token.hash = hash;
  token.parent = text_of(incoming.event.actor());
  const v1::TokenRecordT* parent = nullptr;
  if (!token.parent.empty()) {
    if (auto good = schemas::check_accessor(token.parent); !good) return refused_by(good.error());
    parent = state.find_token(token.parent);
    if (parent != nullptr && parent->tenant != incoming.tenant) parent = nullptr;
  }
  if (parent != nullptr) token.depth = parent->depth + 1;
  if (token.depth > kMaxTokenDepth) {
    return rejected(ErrorCode::failed_precondition,
                    fmt::format("a token descends from at most {} others", kMaxTokenDepth));
  }
  token.all_tenants = granted.all_tenants();
  token.permissions = permissions;
  token.services = text_of(granted.services());
  token.granted_at = incoming.event.time();
  if (granted.ttl_ms() != 0) token.expires_at = end_of_life(token.granted_at, granted.ttl_ms());
  if (granted.ttl_ms() == 0 && token.parent.empty() && !granted.root()) {
    token.expires_at = end_of_life(token.granted_at, kDefaultTokenTtlMs);
  }
  token.note = text_of(granted.note());
  token.root = granted.root();
  token.expired_by = expired_by(token, parent);
  token.epoch = state.token_tenant(incoming.tenant).epoch;
  if (token.root) replace_root(hash, accessor, state);
  state.add_token(accessor, std::move(token));
  return Judgement{};
}

Judgement apply_revoked(const Incoming& incoming, const v1::CapabilityRevoked& revoked, PartitionState& state) {
  const std::string_view accessor = text_of(revoked.accessor());
  if (revoked.all() != accessor.empty()) {
    return rejected(ErrorCode::invalid_argument, "either one token is revoked, or all of the tenant's");
  }
  if (revoked.all()) {
    ++state.edit_token_tenant(incoming.tenant).epoch;
    return Judgement{};
  }
  const v1::TokenRecordT* token = state.find_token(accessor);
  if (token == nullptr || token->tenant != incoming.tenant) {
    return refused_by(no_such_token(incoming.tenant, accessor));
  }
  if (!token->revoked) state.edit_token(accessor).revoked = true;
  return Judgement{};
}

}  // namespace

std::optional<Judgement> refuse_revoked_actor(const Incoming& incoming, PartitionState& state) {
  std::string next(text_of(incoming.event.actor()));
  bool itself = true;
  for (std::uint32_t steps = 0; !next.empty() && steps <= kMaxTokenDepth;) {
    const v1::TokenRecordT* token = state.find_token(next);
    if (token == nullptr) return std::nullopt;
    const bool ended = is_revoked(*token, state.token_tenant(token->tenant));
    if (ended || (itself && token->replaced)) {
      return rejected(ErrorCode::unauthenticated,
                      fmt::format("token {} was revoked before this came into the log", next));
    }
    if (!token->replaced) ++steps;
    itself = false;
    next = token->replaced ? token->replaced_by : token->parent;
  }
  return std::nullopt;
}

Judgement apply_token_command(const Incoming& incoming, PartitionState& state) {
  if (const auto* granted = incoming.event.payload_as_CapabilityGranted()) {
    return apply_granted(incoming, *granted, state);
  }
  return apply_revoked(incoming, *incoming.event.payload_as_CapabilityRevoked(), state);
}

Judgement apply_tokens_removed(const Incoming& incoming, PartitionState& state) {
  const v1::CapabilitiesRemoved& removed = *incoming.event.payload_as_CapabilitiesRemoved();
  const schemas::Box<v1::OwnerT>& owner = state.meta().owner;
  const std::string run = owner ? owner->run : std::string();
  if (!schemas::observation_sequence(incoming.id, run)) return stale("the runtime has another owner");
  if (Judgement observer = judge_observer(incoming, run, state); observer.verdict != Verdict::applied) return observer;
  if (removed.hashes() == nullptr || removed.hashes()->size() > kMaxRemovedTokens) {
    return quarantined(fmt::format("1 to {} tokens are removed at once", kMaxRemovedTokens));
  }
  // A clock that was far ahead of the log's must not have the last word.
  if (removed.expired_before() > state.meta().latest_timestamp) {
    return quarantined("tokens are removed that expire only after the log's latest record");
  }
  for (const auto* text : *removed.hashes()) {
    const auto hash = schemas::parse_token_hash(text_of(text));
    if (!hash) continue;
    const std::string accessor = schemas::token_accessor(*hash);
    const v1::TokenRecordT* token = state.find_token(accessor);
    const bool expired = token != nullptr && token->tenant == incoming.tenant && token->expired_by != 0 &&
                         token->expired_by <= removed.expired_before();
    if (expired) state.remove_token(accessor);
  }
  return Judgement{};
}

}  // namespace solo::projections
