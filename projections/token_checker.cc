#include "projections/token_checker.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "projections/token_memory.h"
#include "projections/token_observer.h"
#include "schemas/partitioning.h"
#include "schemas/service_glob.h"

namespace solo::projections {
namespace {

using schemas::Result;
using schemas::TokenHash;

/// Tokens read in a row: a chain within a tenant, and above it one within tenant system. A longer one is no chain.
constexpr int kMaxRead = 2 * (static_cast<int>(kMaxTokenDepth) + 1);
/// Former root tokens in a row; each needed somebody with the state directory in hand.
constexpr int kMaxReplaced = 10'000;
constexpr std::size_t kMaxTenants = 100'000;

std::int64_t earlier(std::int64_t left, std::int64_t right) {
  if (left == 0 || right == 0) return std::max(left, right);
  return std::min(left, right);
}

bool has_passed(std::int64_t time, std::int64_t now) { return time != 0 && now >= time; }

}  // namespace

struct TokenChecker::Impl final : TokenObserver {
  struct Tenant {
    std::string name;
    std::uint64_t epoch = 0;
  };
  /// Where a token was found, and what was found there.
  struct Read {
    std::int32_t partition = 0;
    v1::TokenRecordT record;
  };

  Impl(Views& of, CheckerOptions checker_options) : views(of), memory(checker_options.max_tokens) {
    for (std::int32_t number = 0; number < views.partitions(); ++number) views.partition(number).observe_tokens(this);
  }
  ~Impl() override {
    for (std::int32_t number = 0; number < views.partitions(); ++number) {
      views.partition(number).observe_tokens(nullptr);
    }
  }

  void tokens_changed(std::int32_t partition, const TokenChanges& changes) override;

  // All of these under the lock.
  std::int32_t home_of(std::string_view tenant) const { return schemas::partition_of(tenant, views.partitions()); }
  Result<std::optional<Read>> read(std::int32_t partition, std::string_view accessor) const;
  /// kNoSlot: no partition has it.
  Result<TokenSlot> find(const TokenHash& hash, std::string_view tenant);
  Result<TokenSlot> find_at(std::int32_t partition, const TokenHash& hash, std::string_view accessor);
  Result<TokenSlot> take(Read found, int reads);
  Result<TokenSlot> parent_of(const Read& child, int reads);
  Result<std::uint32_t> number_of(const std::string& tenant, std::int32_t partition);
  bool has_ended(const TokenNode& node) const {
    return !node.linked || node.revoked || node.epoch < tenants[node.tenant].epoch;
  }
  const TokenWalk& walk(TokenSlot slot);
  TokenWalk walk_anew(const TokenNode& node, TokenSlot slot);
  void narrow_services(TokenWalk& result, const TokenNode& node, TokenSlot slot);
  /// Reads the chain again if something of it was missing. kNoSlot: the token is not there any more.
  Result<TokenSlot> complete(TokenSlot slot, std::string_view tenant);
  Capability capability_of(const TokenNode& node);
  /// Of those that it descends from.
  template <class Test>
  bool any_above(TokenSlot slot, Test&& test) {
    if (slot == kNoSlot) return false;
    int steps = 0;
    for (TokenSlot at = memory.at(slot).parent; at != kNoSlot && steps <= kMaxRead;
         at = memory.at(at).parent, ++steps) {
      if (test(memory.at(at))) return true;
    }
    return false;
  }
  v1::DenialReason judge(TokenNode& node, std::int64_t now);

  Views& views;
  const std::int32_t system_home = home_of(schemas::kSystemTenant);
  mutable std::mutex mutex;
  TokenMemory memory;
  std::vector<Tenant> tenants;
  std::unordered_map<std::string, std::uint32_t> tenant_numbers;
  /// Raised when anything in memory changes by which a walk may come out otherwise.
  std::uint64_t version = 1;
  std::atomic<std::uint64_t> losses{0};
};

void TokenChecker::Impl::tokens_changed(std::int32_t partition, const TokenChanges& changes) {
  const std::lock_guard lock(mutex);
  losses.fetch_add(1);
  const auto each_known = [&](const std::vector<std::string>& hashes, auto&& change) {
    for (const std::string& text : hashes) {
      const auto hash = schemas::parse_token_hash(text);
      const TokenSlot slot = hash ? memory.find(*hash, partition) : kNoSlot;
      if (slot == kNoSlot) continue;
      change(slot);
      ++version;
    }
  };
  each_known(changes.revoked, [&](TokenSlot slot) { memory.at(slot).revoked = true; });
  each_known(changes.removed, [&](TokenSlot slot) { memory.unlink(slot); });
  for (const auto& changed : changes.tenants) {
    const auto at = tenant_numbers.find(changed.name);
    if (at == tenant_numbers.end()) continue;
    tenants[at->second].epoch = changed.epoch;
    ++version;
  }
  if (changes.replaced.empty()) return;
  // Every chain has another root: rare enough to begin anew.
  memory.clear();
  ++version;
}

Result<std::optional<TokenChecker::Impl::Read>> TokenChecker::Impl::read(std::int32_t partition,
                                                                         std::string_view accessor) const {
  auto record = views.partition(partition).token(accessor);
  if (!record) return schemas::fail(std::move(record.error()));
  if (!record->has_value()) return std::optional<Read>();
  return std::optional<Read>(Read{partition, **std::move(record)});
}

Result<TokenSlot> TokenChecker::Impl::find(const TokenHash& hash, std::string_view tenant) {
  const std::int32_t home = home_of(tenant);
  if (const TokenSlot slot = memory.find(hash, home); slot != kNoSlot) return slot;
  if (home != system_home) {
    if (const TokenSlot slot = memory.find(hash, system_home); slot != kNoSlot) return slot;
  }
  const std::string accessor = schemas::token_accessor(hash);
  auto slot = find_at(home, hash, accessor);
  if (slot && *slot == kNoSlot && home != system_home) slot = find_at(system_home, hash, accessor);
  for (std::int32_t other = 0; other < views.partitions() && slot && *slot == kNoSlot; ++other) {
    if (other != home && other != system_home) slot = find_at(other, hash, accessor);
  }
  return slot;
}

Result<TokenSlot> TokenChecker::Impl::find_at(std::int32_t partition, const TokenHash& hash,
                                              std::string_view accessor) {
  if (const TokenSlot slot = memory.find(hash, partition); slot != kNoSlot) return slot;
  auto found = read(partition, accessor);
  if (!found) return schemas::fail(std::move(found.error()));
  if (!found->has_value()) return kNoSlot;
  const auto stored = schemas::parse_token_hash((*found)->record.hash);
  if (!stored || !(*stored == hash)) return kNoSlot;
  return take(**std::move(found), kMaxRead);
}

Result<std::uint32_t> TokenChecker::Impl::number_of(const std::string& tenant, std::int32_t partition) {
  if (const auto at = tenant_numbers.find(tenant); at != tenant_numbers.end()) return at->second;
  const auto record = views.partition(partition).token_tenant(tenant);
  if (!record) return schemas::fail(record.error());
  const auto number = static_cast<std::uint32_t>(tenants.size());
  tenants.push_back({tenant, record->epoch});
  tenant_numbers.emplace(tenant, number);
  return number;
}

/// Into memory, the tokens it descends from first: whatever is put in later finds its parent pinned.
Result<TokenSlot> TokenChecker::Impl::take(Read found, int reads) {
  const auto hash = schemas::parse_token_hash(found.record.hash);
  if (!hash) return kNoSlot;
  if (const TokenSlot slot = memory.find(*hash, found.partition); slot != kNoSlot) return slot;
  const auto tenant = number_of(found.record.tenant, found.partition);
  if (!tenant) return schemas::fail(tenant.error());
  const auto parent = parent_of(found, reads);
  if (!parent) return parent;
  // A chain that leads back to itself came past here before.
  if (const TokenSlot slot = memory.find(*hash, found.partition); slot != kNoSlot) return slot;
  const TokenSlot slot = memory.insert(*hash, found.partition, *parent);
  TokenNode& node = memory.at(slot);
  v1::TokenRecordT& record = found.record;
  const std::string accessor = schemas::token_accessor(*hash);
  std::copy_n(accessor.begin(), node.accessor.size(), node.accessor.begin());
  node.tenant = *tenant;
  node.revoked = record.revoked;
  node.replaced = record.replaced;
  node.all_tenants = record.all_tenants;
  node.topmost = record.parent.empty();
  node.root = record.root;
  node.permissions = permission_set(record.permissions);
  node.services = std::move(record.services);
  node.expires_at = record.expires_at;
  node.expired_by = record.expired_by;
  node.granted_at = record.granted_at;
  node.epoch = record.epoch;
  return slot;
}

/// The token it descends from, or the root token that has its place. kNoSlot: there is none, or it is not there.
Result<TokenSlot> TokenChecker::Impl::parent_of(const Read& child, int reads) {
  if (child.record.parent.empty() || reads == 0) return kNoSlot;
  auto found = read(child.partition, child.record.parent);
  if (!found) return schemas::fail(std::move(found.error()));
  const bool own =
      found->has_value() && ((*found)->record.tenant == child.record.tenant || (*found)->record.all_tenants);
  if (!own) {
    found = read(system_home, child.record.parent);
    if (!found) return schemas::fail(std::move(found.error()));
    if (!found->has_value() || !(*found)->record.all_tenants) return kNoSlot;
  }
  for (int replaced = 0; (*found)->record.replaced; ++replaced) {
    found = read((*found)->partition, (*found)->record.replaced_by);
    if (!found) return schemas::fail(std::move(found.error()));
    if (!found->has_value() || replaced == kMaxReplaced) return kNoSlot;
  }
  return take(**std::move(found), reads - 1);
}

const TokenWalk& TokenChecker::Impl::walk(TokenSlot slot) {
  TokenNode& node = memory.at(slot);
  if (node.walk.version != version) node.walk = walk_anew(node, slot);
  return node.walk;
}

TokenWalk TokenChecker::Impl::walk_anew(const TokenNode& node, TokenSlot slot) {
  TokenWalk result;
  result.version = version;
  result.permissions = node.permissions;
  result.all_tenants = node.all_tenants;
  result.expires_at = node.expires_at;
  if (node.parent != kNoSlot) {
    const TokenNode& parent = memory.at(node.parent);
    const TokenWalk& above = walk(node.parent);
    result.permissions = static_cast<PermissionSet>(result.permissions & above.permissions);
    result.all_tenants = result.all_tenants && above.all_tenants;
    result.depth = above.depth + 1;
    result.services_of = above.services_of;
    result.no_service = above.no_service;
    result.expires_at = earlier(result.expires_at, above.expires_at);
    const bool covers = above.all_tenants || parent.tenant == node.tenant;
    result.incomplete = above.incomplete || !parent.linked;
    result.fallen = above.fallen || has_ended(parent) || !covers || result.depth > kMaxTokenDepth;
  } else if (!node.topmost) {
    result.fallen = result.incomplete = true;
  }
  if (result.expires_at == 0 && !node.root) result.expires_at = end_of_life(node.granted_at, kDefaultTokenTtlMs);
  result.expires_at = earlier(result.expires_at, node.expired_by);
  narrow_services(result, node, slot);
  return result;
}

void TokenChecker::Impl::narrow_services(TokenWalk& result, const TokenNode& node, TokenSlot slot) {
  if (node.services.empty() || result.no_service) return;
  if (result.services_of == kNoSlot) {
    result.services_of = slot;
    return;
  }
  const std::string& above = memory.at(result.services_of).services;
  const auto both = schemas::glob_intersection(node.services, above);
  result.no_service = !both;
  if (both && both->data() == node.services.data()) result.services_of = slot;
}

Result<TokenSlot> TokenChecker::Impl::complete(TokenSlot slot, std::string_view tenant) {
  if (!walk(slot).incomplete) return slot;
  const TokenHash hash = memory.at(slot).hash;
  std::vector<TokenSlot> chain;
  for (TokenSlot at = slot; at != kNoSlot && chain.size() <= kMaxRead; at = memory.at(at).parent) chain.push_back(at);
  for (const TokenSlot at : chain) memory.unlink(at);
  return find(hash, tenant);
}

Capability TokenChecker::Impl::capability_of(const TokenNode& node) {
  const TokenWalk& walked = node.walk;
  Capability capability;
  capability.hash = node.hash;
  capability.accessor_text = node.accessor;
  capability.tenant = tenants[node.tenant].name;
  capability.all_tenants = walked.all_tenants;
  capability.permissions = walked.permissions;
  // A pattern that matches no service's name.
  if (walked.no_service) {
    capability.services = "-";
  } else {
    capability.services =
        walked.services_of == kNoSlot ? std::string(schemas::kEveryService) : memory.at(walked.services_of).services;
  }
  capability.expires_at = walked.expires_at;
  capability.depth = walked.depth;
  return capability;
}

v1::DenialReason TokenChecker::Impl::judge(TokenNode& node, std::int64_t now) {
  if (has_ended(node) || node.replaced) return v1::DenialReason::revoked;
  if (has_passed(node.expires_at, now)) return v1::DenialReason::expired;
  if (node.walk.fallen) return v1::DenialReason::ancestor;
  if (!has_passed(node.walk.expires_at, now)) return v1::DenialReason::unspecified;
  return node.expires_at != 0 ? v1::DenialReason::ancestor : v1::DenialReason::expired;
}

TokenChecker::TokenChecker(Views& views, CheckerOptions options) : impl_(std::make_unique<Impl>(views, options)) {}

TokenChecker::~TokenChecker() = default;

Result<TokenVerdict> TokenChecker::check(std::string_view token, std::string_view tenant, std::int64_t now_us) {
  if (token.empty()) return TokenVerdict{.reason = v1::DenialReason::missing};
  if (token.size() != schemas::kTokenLength) return TokenVerdict{.reason = v1::DenialReason::malformed};
  auto verdict = check(schemas::hash_token(token), tenant, now_us);
  // Only now: what is known has the form, and looking at it takes longer than the whole rest.
  if (verdict && verdict->reason == v1::DenialReason::unknown && !schemas::check_token(token)) {
    return TokenVerdict{.reason = v1::DenialReason::malformed};
  }
  return verdict;
}

Result<TokenVerdict> TokenChecker::check(const TokenHash& hash, std::string_view tenant, std::int64_t now_us) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->tenants.size() > kMaxTenants) {
    impl_->memory.clear();
    impl_->tenants.clear();
    impl_->tenant_numbers.clear();
  }
  auto slot = impl_->find(hash, tenant);
  if (slot && *slot != kNoSlot) slot = impl_->complete(*slot, tenant);
  if (!slot) return schemas::fail(std::move(slot.error()));
  TokenVerdict verdict;
  if (*slot == kNoSlot) {
    verdict.reason = v1::DenialReason::unknown;
  } else {
    impl_->walk(*slot);
    TokenNode& node = impl_->memory.at(*slot);
    verdict.reason = impl_->judge(node, now_us);
    if (verdict.good()) {
      verdict.capability = impl_->capability_of(node);
    } else {
      verdict.tenant = impl_->tenants[node.tenant].name;
    }
  }
  if (!verdict.good()) verdict.accessor = schemas::token_accessor(hash);
  return verdict;
}

Result<TokenStanding> TokenChecker::standing(const v1::TokenRecordT& token, std::int64_t now_us) {
  TokenStanding standing;
  standing.state = v1::TokenState::expired;
  const auto hash = schemas::parse_token_hash(token.hash);
  if (!hash) return standing;
  const std::lock_guard lock(impl_->mutex);
  auto slot = impl_->find_at(impl_->home_of(token.tenant), *hash, schemas::token_accessor(*hash));
  if (slot && *slot != kNoSlot) slot = impl_->complete(*slot, token.tenant);
  if (!slot) return schemas::fail(std::move(slot.error()));
  if (*slot == kNoSlot) return standing;
  impl_->walk(*slot);
  TokenNode& node = impl_->memory.at(*slot);
  standing.capability = impl_->capability_of(node);
  switch (impl_->judge(node, now_us)) {
    case v1::DenialReason::unspecified:
      standing.state = v1::TokenState::live;
      break;
    case v1::DenialReason::ancestor:
      standing.state = v1::TokenState::fallen;
      break;
    case v1::DenialReason::revoked:
      standing.state = node.replaced && !node.revoked ? v1::TokenState::replaced : v1::TokenState::revoked;
      break;
    default:
      break;
  }
  return standing;
}

Result<TokenKinship> TokenChecker::kinship(std::string_view tenant, std::string_view accessor, const Capability& of) {
  TokenKinship kinship;
  const std::lock_guard lock(impl_->mutex);
  auto own = impl_->find(of.hash, of.tenant);
  if (!own) return schemas::fail(std::move(own.error()));
  kinship.is_above = impl_->any_above(*own, [&](const TokenNode& node) {
    return accessor.empty() ? impl_->tenants[node.tenant].name == tenant : node.name() == accessor;
  });
  if (accessor.empty()) return kinship;
  auto found = impl_->read(impl_->home_of(tenant), accessor);
  if (!found) return schemas::fail(std::move(found.error()));
  if (!found->has_value() || (*found)->record.tenant != tenant) return kinship;
  kinship.known = true;
  kinship.all_tenants = (*found)->record.all_tenants;
  kinship.descends = accessor == of.accessor();
  if (kinship.descends) return kinship;
  auto slot = impl_->take(**std::move(found), kMaxRead);
  if (!slot) return schemas::fail(std::move(slot.error()));
  kinship.descends = impl_->any_above(*slot, [&](const TokenNode& node) { return node.name() == of.accessor(); });
  return kinship;
}

std::uint64_t TokenChecker::losses() const { return impl_->losses.load(); }

std::size_t TokenChecker::known() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->memory.size();
}

}  // namespace solo::projections
