// The root token: the first one of a log, from which all others descend. Its text rests in STATE/root.token (0600) and
// nowhere else; the log and the views have its hash.
//
// A crash at any point leaves a root token that works, because of this order:
//   first start   root.token is written and synced -> CapabilityGranted{root} becomes durable. Whoever finds the file
//   but no
//                 root token in the views publishes that file's hash.
//   reset         root.token.new is written and synced -> CapabilityGranted{root} becomes durable -> it is renamed to
//                 root.token. Until then the former one counts. Whoever finds root.token.new finishes that, if the
//                 views name it as the root token, and otherwise removes it: it was never valid.
// Of several daemons that start on the same empty log one is first: the event's id (kFirstRootId) is the same for all,
// so that apply refuses the later ones. What they have written into their own STATE is removed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "producers/entropy.h"
#include "schemas/result.h"
#include "schemas/schemas.h"
#include "schemas/token.h"

namespace solo::ops {

inline constexpr const char* kFirstRootId = "root";

std::filesystem::path root_token_path(const std::filesystem::path& state_dir);
std::filesystem::path next_root_token_path(const std::filesystem::path& state_dir);

/// A token's text from a file that holds it alone, with or without a newline. not_found; permission_denied;
/// invalid_argument: it holds no token. No error repeats what is in there.
schemas::Result<schemas::TokenText> read_token_file(const std::filesystem::path& path);

/// Another secret, on the disk under `path` when this returns.
schemas::Result<schemas::TokenHash> write_new_token(const std::filesystem::path& path, producers::Entropy& entropy);

/// Makes `hash` the root token.
v1::EventT root_grant(const schemas::TokenHash& hash, std::string id, std::int64_t wall_us);

/// The renaming that ends a reset, synced.
schemas::Result<void> take_next_root_token(const std::filesystem::path& state_dir);

}  // namespace solo::ops
