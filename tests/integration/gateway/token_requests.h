// Requests about tokens, and requests with other tokens than the root token.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schemas/schemas.h"
#include "tests/integration/gateway/world.h"
#include "tests/support/tokens.h"

namespace solo::testing {

inline v1::RequestT grant(std::string id, const TestToken& token, std::vector<v1::Permission> permissions,
                          std::string tenant = "acme") {
  v1::RequestT request = status("x", std::move(tenant));
  request.id = std::move(id);
  v1::TokenGrantT body;
  body.hash = token.hex;
  body.permissions = std::move(permissions);
  request.body.Set(std::move(body));
  return request;
}

inline v1::RequestT revoke(std::string id, const TestToken& token, std::string tenant = "acme") {
  v1::RequestT request = status("x", std::move(tenant));
  request.id = std::move(id);
  v1::TokenRevokeT body;
  body.accessor = token.accessor;
  request.body.Set(std::move(body));
  return request;
}

inline v1::RequestT inspect(const TestToken& token) {
  v1::RequestT request = status("x");
  v1::TokenInspectT body;
  body.accessor = token.accessor;
  request.body.Set(std::move(body));
  return request;
}

inline v1::RequestT with(const TestToken& token, v1::RequestT request) {
  request.token = token.text;
  return request;
}

}  // namespace solo::testing
