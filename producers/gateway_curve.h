// CURVE at the gateway's tcp endpoints: who it is, and who may come.
#pragma once

#include <set>

#include "producers/curve_server.h"

namespace solo::producers {

struct GatewayCurve {
  CurveKeyPair server;
  /// The public keys of clients that may connect.
  std::set<CurveKey> clients;
  /// Whoever knows the server's public key may.
  bool any_client = false;
};

}  // namespace solo::producers
