#include "ops/cli/token_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "ops/cli/output.h"
#include "ops/nearest.h"
#include "projections/token_rules.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

std::vector<std::string> known_permissions() {
  std::vector<std::string> names;
  for (const v1::Permission permission : v1::EnumValuesPermission()) {
    if (permission != v1::Permission::unspecified) names.emplace_back(v1::EnumNamePermission(permission));
  }
  return names;
}

Result<v1::Permission> parse_permission(const std::string& word) {
  for (const v1::Permission permission : v1::EnumValuesPermission()) {
    if (permission != v1::Permission::unspecified && word == v1::EnumNamePermission(permission)) return permission;
  }
  const auto known = known_permissions();
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  return fail(ErrorCode::invalid_argument,
              fmt::format("--permission: \"{}\" is none{}", printable(word), did_you_mean(word, known)),
              "there are " + all);
}

std::string expiry(const v1::TokenInfoT& token) {
  return token.expires_at == 0 ? "never" : show_time(token.expires_at);
}

class Tree {
 public:
  explicit Tree(std::vector<v1::TokenInfoT> tokens) : tokens_(std::move(tokens)) {
    std::sort(tokens_.begin(), tokens_.end(), [](const auto& left, const auto& right) {
      return std::tie(left.granted_at, left.accessor) < std::tie(right.granted_at, right.accessor);
    });
    for (const auto& token : tokens_) present_.insert(token.accessor);
    for (const auto& token : tokens_) {
      const bool below = token.parent != token.accessor && present_.count(token.parent) != 0;
      children_[below ? token.parent : std::string()].push_back(&token);
    }
  }

  std::string str() {
    add_children({}, 0);
    // A chain that leads back to itself hangs nowhere.
    for (const auto& token : tokens_) {
      if (shown_.count(token.accessor) == 0) add(token, 0);
    }
    return table_.str();
  }

 private:
  void add_children(const std::string& parent, std::size_t depth) {
    const auto at = children_.find(parent);
    if (at == children_.end()) return;
    for (const auto* token : at->second) add(*token, depth);
  }

  void add(const v1::TokenInfoT& token, std::size_t depth) {
    if (!shown_.insert(token.accessor).second) return;
    table_.add({std::string(2 * depth, ' ') + token.accessor, token.tenant, v1::EnumNameTokenState(token.state),
                permission_list(token.permissions), token.services, expiry(token), token.note});
    add_children(token.accessor, depth + 1);
  }

  std::vector<v1::TokenInfoT> tokens_;
  std::set<std::string> present_;
  std::set<std::string> shown_;
  std::map<std::string, std::vector<const v1::TokenInfoT*>> children_;
  Table table_{{"ACCESSOR", "TENANT", "STATE", "PERMISSIONS", "SERVICES", "EXPIRES", "NOTE"}};
};

}  // namespace

Result<std::vector<v1::Permission>> parse_permissions(const std::vector<std::string>& words) {
  std::vector<v1::Permission> permissions;
  for (const std::string& list : words) {
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t comma = std::min(list.find(',', at), list.size());
      const auto permission = parse_permission(list.substr(at, comma - at));
      if (!permission) return fail(permission.error());
      if (std::find(permissions.begin(), permissions.end(), *permission) == permissions.end()) {
        permissions.push_back(*permission);
      }
      at = comma + 1;
    }
  }
  return permissions;
}

std::string permission_list(const std::vector<v1::Permission>& permissions) {
  std::string list;
  for (const v1::Permission permission : permissions) {
    list += (list.empty() ? "" : ",") + std::string(v1::EnumNamePermission(permission));
  }
  return list.empty() ? "-" : list;
}

Result<std::uint64_t> parse_ttl(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  std::uint64_t factor = 0;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (unit == "d") factor = 24ULL * 3'600'000;
  if (error != std::errc() || factor == 0 || number == 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--ttl: \"{}\" is no time to live: write 90s, 45m, 12h or 30d", printable(text)));
  }
  if (number > projections::kMaxTokenTtlMs / factor) {
    return fail(ErrorCode::invalid_argument, fmt::format("--ttl: {} is more than 366 days", printable(text)));
  }
  return number * factor;
}

std::string token_facts(const v1::TokenInfoT& token) {
  return facts({{"accessor", token.accessor},
                {"tenant", token.tenant == "*" ? "every tenant" : token.tenant},
                {"state", v1::EnumNameTokenState(token.state)},
                {"permissions", permission_list(token.permissions)},
                {"services", token.services},
                {"expires", expiry(token)},
                {"granted", show_time(token.granted_at)},
                {"made from", token.parent},
                {"descends from", token.depth == 0 ? "" : std::to_string(token.depth)},
                {"root", token.root ? "yes" : ""},
                {"note", printable(token.note)}});
}

std::string token_tree(std::vector<v1::TokenInfoT> tokens) { return Tree(std::move(tokens)).str(); }

}  // namespace solo::ops
