// What the token commands share: permissions, times to live and tokens as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// `deploy,kill`, each word a list of its own, too. invalid_argument names what is none, and those there are.
schemas::Result<std::vector<v1::Permission>> parse_permissions(const std::vector<std::string>& words);
std::string permission_list(const std::vector<v1::Permission>& permissions);

/// `30d`, `12h`, `45m`, `90s`; in milliseconds. invalid_argument: none, or more than 366 days.
schemas::Result<std::uint64_t> parse_ttl(const std::string& text);

/// Everything known about a token, one fact per line.
std::string token_facts(const v1::TokenInfoT& token);

/// A table, each token below the one it was made from and indented under it. Those whose parent is not among them
/// stand at the left.
std::string token_tree(std::vector<v1::TokenInfoT> tokens);

}  // namespace solo::ops
