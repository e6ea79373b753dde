// Random tokens of several tenants, made from each other in any order, revoked, replaced and removed: whatever
// partition they live in, no token may do what the one it was made from may not.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "schemas/service_glob.h"
#include "tests/unit/projections/token_world.h"

namespace solo::testing {
namespace {

using projections::TokenVerdict;
using v1::Permission;

struct TokenStep {
  std::uint8_t kind = 0;
  std::uint8_t token = 0;
  std::uint8_t parent = 0;
  std::uint8_t choice = 0;
};

void showValue(const TokenStep& step, std::ostream& out) {
  out << fmt::format("{{{}, {}, {}, {}}}", step.kind, step.token, step.parent, step.choice);
}

constexpr const char* kTenants[] = {"acme", "globex", "system"};
constexpr const char* kGlobs[] = {"", "*", "web-*", "web-1", "w*", "db"};
constexpr const char* kServices[] = {"web-1", "web-2", "db", "w"};

/// What became of each token: where it was granted, and from which.
struct Made {
  TestToken token;
  std::string tenant;
  std::string parent;
  bool root = false;
};

class RandomTokens {
 public:
  explicit RandomTokens(TokenWorld& world) : world_(world) { take_root(test_root()); }

  void add(const TokenStep& step) {
    world_.now += kSecond;
    if (step.kind < 8) return grant(step);
    if (made_.empty()) return;
    const Made& chosen = made_[step.token % made_.size()];
    if (step.kind < 10) {
      world_.revoke(chosen.token, chosen.tenant);
    } else if (step.kind == 10) {
      if (step.choice % 8 == 0) world_.revoke_all(chosen.tenant);
    } else if (step.kind == 11) {
      if (step.choice % 4 == 0) take_root(test_token(5'000 + made_.size()));
    } else if (step.kind == 12) {
      world_.remove(chosen.tenant, {chosen.token.hex}, world_.now);
    } else {
      world_.now += 3 * kSecond;
    }
  }

  const std::vector<Made>& made() const { return made_; }
  /// The root token now.
  const TestToken& root() const { return root_; }

 private:
  void take_root(const TestToken& token) {
    if (world_.grant_root(token) != schemas::ErrorCode::ok) return;
    root_ = token;
    made_.push_back({token, "system", {}, true});
  }

  void grant(const TokenStep& step) {
    GrantOptions options;
    options.tenant = kTenants[step.choice % 3];
    options.all_tenants = options.tenant == "system" && step.parent % 3 != 0;
    // The last one, often: long chains. Sometimes one that does not exist.
    const Made& parent = step.parent % 2 == 0 ? made_.back() : made_[step.parent % made_.size()];
    options.parent = step.parent == 255 ? test_token(77'777).accessor : parent.token.accessor;
    options.permissions.clear();
    for (const Permission permission : {Permission::read, Permission::deploy, Permission::grant, Permission::admin}) {
      if ((step.choice >> static_cast<unsigned>(permission) % 7 & 1) != 0) options.permissions.push_back(permission);
    }
    if (options.permissions.empty()) options.permissions = {Permission::read};
    options.services = kGlobs[step.token % 6];
    options.ttl_ms = step.token % 4 == 0 ? 0 : 2'000ULL * (step.token % 16);
    const TestToken token = test_token(1'000 + made_.size());
    if (world_.grant(token, options) == schemas::ErrorCode::ok) {
      made_.push_back({token, options.tenant, options.parent, false});
    }
  }

  TokenWorld& world_;
  std::vector<Made> made_;
  TestToken root_;
};

bool may(const TokenVerdict& verdict, const std::string& tenant, Permission permission, const std::string& service) {
  return verdict.good() && verdict.capability.is_for(tenant) && verdict.capability.may(permission) &&
         schemas::glob_matches(verdict.capability.services, service);
}

/// The token it was made from, or the root token that has its place.
std::optional<TestToken> parent_of(const RandomTokens& tokens, const Made& made) {
  for (const Made& other : tokens.made()) {
    if (other.token.accessor == made.parent) return other.root ? tokens.root() : other.token;
  }
  return std::nullopt;
}

void check_narrow(TokenWorld& world, const RandomTokens& tokens) {
  for (const Made& made : tokens.made()) {
    if (made.root) continue;
    const auto parent = parent_of(tokens, made);
    for (const char* tenant : kTenants) {
      const TokenVerdict child = world.check(made.token, tenant);
      if (!parent) RC_ASSERT(!child.good());
      if (!parent || !child.good()) continue;
      const TokenVerdict above = world.check(*parent, tenant);
      RC_ASSERT(above.good());
      if (above.capability.expires_at != 0) RC_ASSERT(child.capability.expires_at <= above.capability.expires_at);
      RC_ASSERT(child.capability.expires_at != 0);
      for (const Permission permission : {Permission::read, Permission::deploy, Permission::grant, Permission::admin}) {
        for (const char* service : kServices) {
          if (may(child, tenant, permission, service)) RC_ASSERT(may(above, tenant, permission, service));
        }
      }
    }
  }
}

bool same(const TokenVerdict& left, const TokenVerdict& right) {
  const auto& a = left.capability;
  const auto& b = right.capability;
  return left.reason == right.reason && a.tenant == b.tenant && a.all_tenants == b.all_tenants &&
         a.permissions == b.permissions && a.services == b.services && a.expires_at == b.expires_at &&
         a.depth == b.depth && left.accessor == right.accessor;
}

std::vector<TokenVerdict> all_verdicts(TokenWorld& world, const RandomTokens& tokens) {
  std::vector<TokenVerdict> verdicts;
  for (const Made& made : tokens.made()) verdicts.push_back(world.check(made.token, made.tenant));
  return verdicts;
}

void check_properties(std::int32_t partitions, const std::vector<TokenStep>& steps) {
  TokenWorld world(partitions, {.max_tokens = 6});
  RandomTokens tokens(world);
  for (const TokenStep& step : steps) {
    tokens.add(step);
    // Fills the memory with what is true now.
    if (step.choice % 3 == 0) (void)all_verdicts(world, tokens);
  }
  check_narrow(world, tokens);
  const auto remembered = all_verdicts(world, tokens);
  world.forget();
  const auto fresh = all_verdicts(world, tokens);
  RC_ASSERT(std::equal(remembered.begin(), remembered.end(), fresh.begin(), fresh.end(), same));
  for (std::int32_t number = 0; number < partitions; ++number) {
    RC_ASSERT(*world.views().partition(number).recompute_digest() == world.views().partition(number).digest());
  }
}

}  // namespace
}  // namespace solo::testing

namespace rc {
template <>
struct Arbitrary<solo::testing::TokenStep> {
  static Gen<solo::testing::TokenStep> arbitrary() {
    using solo::testing::TokenStep;
    return gen::build<TokenStep>(gen::set(&TokenStep::kind, gen::inRange<std::uint8_t>(0, 14)),
                                 gen::set(&TokenStep::token, gen::arbitrary<std::uint8_t>()),
                                 gen::set(&TokenStep::parent, gen::arbitrary<std::uint8_t>()),
                                 gen::set(&TokenStep::choice, gen::arbitrary<std::uint8_t>()));
  }
};
}  // namespace rc

namespace solo::testing {
namespace {

RC_GTEST_PROP(AnyTokens, AChildIsNeverWiderThanItsParentAndMemoryAgreesWithTheViews,
              (const std::vector<TokenStep>& steps)) {
  check_properties(1, steps);
}

RC_GTEST_PROP(AnyTokens, AChildIsNeverWiderThanItsParentWhateverPartitionTheParentLivesIn,
              (const std::vector<TokenStep>& steps)) {
  check_properties(3, steps);
}

}  // namespace
}  // namespace solo::testing
