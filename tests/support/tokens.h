// Tokens for tests: secrets that can be told again from a number, and the events that make them good.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schemas/ids.h"
#include "schemas/schemas.h"
#include "schemas/token.h"

namespace solo::testing {

struct TestToken {
  std::string text;
  schemas::TokenHash hash;
  std::string hex;
  std::string accessor;
};

inline TestToken test_token(std::uint64_t number) {
  std::array<std::uint8_t, schemas::kTokenBytes> bytes{};
  for (std::size_t at = 0; at < sizeof number; ++at) bytes[at] = static_cast<std::uint8_t>(number >> (8 * at));
  bytes.back() = 1;
  TestToken token;
  token.text = std::string(schemas::make_token(bytes).reveal());
  token.hash = schemas::hash_token(token.text);
  token.hex = schemas::to_string(token.hash);
  token.accessor = schemas::token_accessor(token.hash);
  return token;
}

inline v1::EventT command_event(std::string tenant, std::string id, v1::PayloadUnion payload, std::string actor = {}) {
  v1::EventT event;
  event.id = std::move(id);
  event.source = "/commands/" + tenant;
  event.tenant = std::move(tenant);
  event.actor = std::move(actor);
  event.payload = std::move(payload);
  return event;
}

/// The root token of logs that a test makes itself.
inline const TestToken& test_root() {
  static const TestToken root = test_token(0);
  return root;
}

inline v1::EventT test_root_event() {
  v1::CapabilityGrantedT granted;
  granted.hash = test_root().hex;
  granted.all_tenants = granted.root = true;
  granted.permissions = {v1::Permission::admin};
  v1::PayloadUnion payload;
  payload.Set(std::move(granted));
  return command_event(std::string(schemas::kSystemTenant), "root", std::move(payload));
}

}  // namespace solo::testing
