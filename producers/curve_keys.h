// Long-term CURVE keys: their text, and the files they rest in.
//
// A key file holds the lines `public KEY` and `secret KEY`, each KEY in ZeroMQ's Z85 form (40 characters), and is
// readable by its owner alone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "producers/curve_server.h"
#include "producers/entropy.h"
#include "schemas/result.h"

namespace solo::producers {

/// A new pair, whose public key begins with a letter or a digit in Z85.
CurveKeyPair make_curve_keys(Entropy& entropy);

/// 40 characters.
std::string to_z85(const CurveKey& key);
/// invalid_argument; the text is not repeated, it may be a secret.
schemas::Result<CurveKey> parse_z85(std::string_view text);

/// Made with mode 0600; already_exists: it is there.
schemas::Result<void> write_curve_keys(const std::filesystem::path& path, const CurveKeyPair& keys);
/// not_found; failed_precondition: others may read it; invalid_argument: it holds no key pair.
schemas::Result<CurveKeyPair> read_curve_keys(const std::filesystem::path& path);
/// read_curve_keys(), or new ones where there is no file.
schemas::Result<CurveKeyPair> read_or_make_curve_keys(const std::filesystem::path& path, Entropy& entropy);

}  // namespace solo::producers
