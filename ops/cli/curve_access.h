// The keys with which `solo` talks to a daemon over tcp: options of every command that does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/args.h"
#include "producers/command_client.h"
#include "schemas/result.h"

namespace solo::ops {

class CurveAccess {
 public:
  /// Bound to this object.
  std::vector<Option> options();

  /// The daemon's key: --server-key, else SOLO_SERVER_KEY. The client's: --client-keys, else SOLO_CLIENT_KEYS, else a
  /// pair made for this run. Nothing: no daemon's key is given. invalid_argument: it is none, or the file holds none.
  schemas::Result<std::optional<producers::ClientCurve>> keys() const;

 private:
  std::optional<std::string> server_key_;
  std::optional<std::string> client_keys_;
};

/// A public key, or @FILE: a file with one, or with a pair as write_curve_keys() writes it.
schemas::Result<producers::CurveKey> read_public_key(const std::string& text);

}  // namespace solo::ops
