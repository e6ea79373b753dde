// Where the daemon takes commands, and from whom: the configuration's endpoints and CURVE keys.
//
// The Unix socket is always there, for `solo` on this machine and for the watchdog; tcp endpoints come beside it, with
// CURVE and nothing else. The server's key pair is STATE/server.key, made by the first start that listens at one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ops/config.h"
#include "producers/entropy.h"
#include "producers/gateway_curve.h"
#include "schemas/result.h"

namespace solo::ops {

struct Listening {
  /// All of them; the first one is a Unix socket's.
  std::vector<std::string> endpoints;
  /// If there is tcp among them.
  std::optional<producers::GatewayCurve> curve;
};

/// invalid_argument: tcp with nobody allowed, or keys without tcp. Others: the key file, as read_curve_keys() says.
schemas::Result<Listening> read_listening(const Config& config, producers::Entropy& entropy);

/// STATE/endpoints: where the daemon listens, one endpoint a line, with the ports that the kernel gave. For programs;
/// who starts a daemon finds it there once the daemon takes commands.
schemas::Result<void> write_endpoints(const std::filesystem::path& state, const std::vector<std::string>& endpoints);
void remove_endpoints(const std::filesystem::path& state);

/// What the log says of who may come by tcp; empty: there is none.
std::string words_for(const Listening& listening);

}  // namespace solo::ops
