#include "ops/solod/listening.h"

#include <fmt/format.h>

#include <algorithm>

#include "producers/curve_keys.h"
#include "producers/file_io.h"
#include "producers/gateway_listener.h"
#include "producers/tcp_endpoint.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr const char* kEndpointsFile = "endpoints";

}  // namespace

Result<Listening> read_listening(const Config& config, producers::Entropy& entropy) {
  Listening listening;
  listening.endpoints = config.gateway.listen;
  std::stable_partition(listening.endpoints.begin(), listening.endpoints.end(),
                        [](const std::string& endpoint) { return !producers::is_tcp(endpoint); });
  const auto& endpoints = listening.endpoints;
  if (endpoints.empty() || producers::is_tcp(endpoints.front())) {
    auto local = command_endpoint(config.state_dir);
    if (!local) return fail(local.error());
    listening.endpoints.insert(listening.endpoints.begin(), *local);
  }
  // Before anything else is made in the state directory.
  for (const std::string& endpoint : listening.endpoints) {
    if (auto good = producers::GatewayListener::check(endpoint); !good) return fail(good.error());
  }
  const auto& keys = config.gateway.client_keys;
  if (!keys.empty() && config.gateway.any_client_key) {
    return fail(ErrorCode::invalid_argument,
                "gateway.any_client_key = true lets every key in, and gateway.client_keys lists some",
                "leave one of the two out");
  }
  if (!producers::is_tcp(listening.endpoints.back())) {
    if (keys.empty() && !config.gateway.any_client_key) return listening;
    return fail(ErrorCode::invalid_argument,
                "gateway.client_keys and gateway.any_client_key are about tcp, and gateway.listen has no tcp endpoint",
                "add tcp://ADDRESS:PORT to gateway.listen, or leave them out");
  }
  if (keys.empty() && !config.gateway.any_client_key) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("gateway.listen has {} and nobody could connect: no client key is allowed",
                            listening.endpoints.back()),
                "`solo keys generate FILE` on a client's machine prints its public key: list it in "
                "gateway.client_keys. Or set gateway.any_client_key = true: then a token alone decides");
  }
  auto server = producers::read_or_make_curve_keys(std::filesystem::path(config.state_dir) / kServerKeyFile, entropy);
  if (!server) return schemas::fail_with("the server's key for tcp", server.error());
  producers::GatewayCurve& curve = listening.curve.emplace();
  curve.server = *server;
  curve.any_client = config.gateway.any_client_key;
  for (const std::string& text : keys) {
    const auto key = producers::parse_z85(text);
    if (!key) return schemas::fail_with("gateway.client_keys", key.error());
    curve.clients.insert(*key);
  }
  return listening;
}

Result<void> write_endpoints(const std::filesystem::path& state, const std::vector<std::string>& endpoints) {
  std::string lines;
  for (const std::string& endpoint : endpoints) lines += endpoint + '\n';
  return producers::write_file(state / kEndpointsFile, lines);
}

void remove_endpoints(const std::filesystem::path& state) {
  std::error_code ignored;
  std::filesystem::remove(state / kEndpointsFile, ignored);
}

std::string words_for(const Listening& listening) {
  if (!listening.curve) return {};
  const auto& curve = *listening.curve;
  return fmt::format("tcp is CURVE only, the server's public key is {}; {}", producers::to_z85(curve.server.public_key),
                     curve.any_client ? "every client key is let in (gateway.any_client_key)"
                                      : fmt::format("{} client key{} let in", curve.clients.size(),
                                                    curve.clients.size() == 1 ? " is" : "s are"));
}

}  // namespace solo::ops
