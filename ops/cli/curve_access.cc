#include "ops/cli/curve_access.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "producers/curve_keys.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

std::string given(const std::optional<std::string>& option, const char* name) {
  if (option) return *option;
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::vector<Option> CurveAccess::options() {
  return {{"--server-key", "KEY", "For tcp: the daemon's public key, or @FILE that holds it. Default: SOLO_SERVER_KEY.",
           &server_key_},
          {"--client-keys", "FILE",
           "For tcp: this client's keys, as `solo keys generate` makes them. Default: SOLO_CLIENT_KEYS, else new ones.",
           &client_keys_}};
}

Result<producers::CurveKey> read_public_key(const std::string& text) {
  auto key = producers::parse_z85(text);
  if (text.empty() || text.front() != '@') return key;
  const std::string path = text.substr(1);
  std::ifstream file(path);
  // Other programs make keys that begin with @, too; and a path may be as long as a key.
  if (!file && key) return key;
  if (!file)
    return fail(ErrorCode::invalid_argument, fmt::format("{} cannot be read", path),
                "after @ comes a file that holds the daemon's public key, as `solo keys show` prints it there");
  for (std::string word; file >> word;) {
    if (word != "public") return producers::parse_z85(word);
  }
  return fail(ErrorCode::invalid_argument, fmt::format("{} holds no key", path));
}

Result<std::optional<producers::ClientCurve>> CurveAccess::keys() const {
  const std::string server = given(server_key_, "SOLO_SERVER_KEY");
  if (server.empty()) return std::nullopt;
  const auto key = read_public_key(server);
  if (!key) return schemas::fail_with("--server-key", key.error());
  producers::ClientCurve curve{.server = *key, .own = {}};
  const std::string file = given(client_keys_, "SOLO_CLIENT_KEYS");
  if (file.empty()) {
    producers::SystemEntropy entropy;
    curve.own = producers::make_curve_keys(entropy);
    return curve;
  }
  auto own = producers::read_curve_keys(file);
  if (!own) {
    // Whatever is wrong with it: it was wrongly asked.
    schemas::Error error = own.error();
    error.code = ErrorCode::invalid_argument;
    return schemas::fail_with("--client-keys", std::move(error));
  }
  curve.own = *own;
  return curve;
}

}  // namespace solo::ops
