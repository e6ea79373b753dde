// Do the tokens' indexes say what the tokens say? Each token has its index keys and no index has others. Both sides are
// summed up, so that nothing is kept of as many tokens as there may be; which differ is looked for only if the sums do.
//
// Pure. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/keys.h"
#include "schemas/fingerprint.h"

namespace solo::projections {

/// The accessor in a key of an index; empty: there is none in it.
std::string_view accessor_in_index_key(std::string_view key);

/// The index keys of the token that a key and its buffer (without the hash) hold. Nothing: it is damaged.
std::optional<std::vector<std::string>> index_keys_of(std::string_view token_key, std::string_view buffer);

class TokenIndexSums {
 public:
  void note_token(std::string_view key, std::string_view buffer);
  void note_index_entry(std::string_view key);
  bool agree() const { return expected_ == found_; }
  std::uint64_t index_entries() const { return entries_; }

 private:
  schemas::Hash128 expected_;
  schemas::Hash128 found_;
  std::uint64_t entries_ = 0;
};

}  // namespace solo::projections
