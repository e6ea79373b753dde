// What the gateway tells of tokens: each request that was judged by its token, and how that ended.
//
// checked() is called on the gateway's thread for every such request. It must not wait and not throw: what cannot be
// taken is dropped and counted by whoever listens. Nothing of a token's secret is in what it is told.
#pragma once

#include <cstdint>
#include <string_view>

#include "producers/gateway_frames.h"

namespace solo::v1 {
enum class Permission : std::uint8_t;
enum class DenialReason : std::uint8_t;
}  // namespace solo::v1

namespace solo::producers {

struct TokenCheck {
  /// Of the token, where it has a token's form; else empty.
  std::string_view accessor;
  /// Whose token it is, where it is known; else empty.
  std::string_view owner = {};
  /// Whom the request is about; empty: nobody, everybody, or what is no tenant's name.
  std::string_view tenant = {};
  /// What the request needed; unspecified: nothing (health).
  v1::Permission permission{};
  /// The request's body type: `Deploy`.
  std::string_view command;
  /// unspecified: it was allowed.
  v1::DenialReason reason{};
  /// The connection it came on.
  PeerId peer = 0;
};

class AuditPort {
 public:
  virtual ~AuditPort() = default;
  virtual void checked(const TokenCheck& check) = 0;
};

}  // namespace solo::producers
