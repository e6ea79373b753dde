// Names and identities as types that cannot be swapped: a TenantName is no ServiceName, and neither is a string.
//
// Tenants, services, clusters and nodes are DNS labels: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?. A label holds
// neither `/` nor `_`, so a path or key joined from two of them has one reading only.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "schemas/result.h"

namespace solo::schemas {

/// A string of its own kind. parse() is the only way in from outside; trusted() is for values that have been
/// through parse() before (our own views).
template <class Kind>
class Name {
 public:
  static Result<Name> parse(std::string_view text) {
    if (auto checked = Kind::check(text); !checked) return fail(checked.error());
    return Name(std::string(text));
  }
  static Name trusted(std::string text) { return Name(std::move(text)); }

  const std::string& str() const { return text_; }
  auto operator<=>(const Name&) const = default;

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Is this a DNS label? `what` names it in the error.
Result<void> check_label(std::string_view what, std::string_view text);

struct TenantKind {
  static Result<void> check(std::string_view text);
};
struct ServiceKind {
  static Result<void> check(std::string_view text);
};
struct NodeKind {
  static Result<void> check(std::string_view text);
};
/// 1 to 64 printable ASCII characters (0x21 to 0x7e).
struct CommandIdKind {
  static Result<void> check(std::string_view text);
};

using TenantName = Name<TenantKind>;
using ServiceName = Name<ServiceKind>;
using NodeName = Name<NodeKind>;
using CommandId = Name<CommandIdKind>;

/// Events about the daemon itself.
inline constexpr std::string_view kSystemTenant = "system";

/// A service, in full.
struct ServiceKey {
  TenantName tenant;
  ServiceName service;
  auto operator<=>(const ServiceKey&) const = default;
};

/// `TENANT/SERVICE`.
std::string to_string(const ServiceKey& key);

/// One spawn of a service: RUN-N, where RUN is the uuid of the daemon's run.
std::string instance_id(std::string_view run, std::uint64_t number);

/// Sources of events, as CloudEvents calls them.
std::string command_source(const TenantName& tenant);
std::string node_source(const NodeName& node);

/// The SEQUENCE of an observation's id RUN-SEQUENCE; nothing if the id has another form or another run.
Result<std::uint64_t> observation_sequence(std::string_view id, std::string_view run);

}  // namespace solo::schemas

template <class Kind>
struct std::hash<solo::schemas::Name<Kind>> {
  std::size_t operator()(const solo::schemas::Name<Kind>& name) const noexcept {
    return std::hash<std::string>{}(name.str());
  }
};
template <>
struct std::hash<solo::schemas::ServiceKey> {
  std::size_t operator()(const solo::schemas::ServiceKey& key) const noexcept {
    return std::hash<std::string>{}(key.tenant.str()) * 31 + std::hash<std::string>{}(key.service.str());
  }
};
