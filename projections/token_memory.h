// The tokens that a checker holds in memory: found by hash and partition, linked to the token they descend from, and
// forgotten when there are too many of them.
//
// A token that others descend from is pinned by them. Of those that nothing pins, the ones not used since the hand came
// by last are forgotten first (the clock algorithm). Not thread-safe; slots stay where they are until they are freed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "projections/token_rules.h"
#include "schemas/token.h"

namespace solo::projections {

using TokenSlot = std::uint32_t;
inline constexpr TokenSlot kNoSlot = 0xffffffff;

/// What a token has in common with all it descends from, as of `version`.
struct TokenWalk {
  std::uint64_t version = 0;
  /// 0: never.
  std::int64_t expires_at = 0;
  /// Whose `services` count; kNoSlot: every service.
  TokenSlot services_of = kNoSlot;
  std::uint32_t depth = 0;
  PermissionSet permissions = 0;
  bool all_tenants = false;
  /// No service is in all of the chain's.
  bool no_service = false;
  /// A token it descends from has ended, or is not there.
  bool fallen = false;
  /// Something it descends from is not in memory: another look at the views may find it.
  bool incomplete = false;
};

struct TokenNode {
  schemas::TokenHash hash;
  std::array<char, 24> accessor = {};
  std::int32_t partition = 0;
  bool in_use = false;
  /// Can it be found by its hash?
  bool linked = false;
  bool used = false;

  bool revoked = false;
  /// It was a root token.
  bool replaced = false;
  bool all_tenants = false;
  /// It descends from none.
  bool topmost = false;
  bool root = false;
  PermissionSet permissions = 0;
  /// Empty: as its parent.
  std::string services;
  /// Microseconds since 1970 UTC; 0: not given.
  std::int64_t expires_at = 0;
  std::int64_t expired_by = 0;
  std::int64_t granted_at = 0;
  std::uint64_t epoch = 0;
  /// The checker's number for it.
  std::uint32_t tenant = 0;
  /// Those that descend from it, in memory.
  std::uint32_t pins = 0;
  TokenSlot parent = kNoSlot;
  TokenWalk walk;

  std::string_view name() const { return {accessor.data(), accessor.size()}; }
};

class TokenMemory {
 public:
  explicit TokenMemory(std::size_t max_tokens);

  TokenNode& at(TokenSlot slot) { return nodes_[slot]; }
  /// kNoSlot: it is not known. Compares hashes in constant time.
  TokenSlot find(const schemas::TokenHash& hash, std::int32_t partition);
  /// Not yet known ones only. `parent` is pinned. May forget others.
  TokenSlot insert(const schemas::TokenHash& hash, std::int32_t partition, TokenSlot parent);
  /// It is not found any more; gone once nothing descends from it.
  void unlink(TokenSlot slot);
  void clear();

  std::size_t size() const { return in_use_; }

 private:
  struct Place {
    TokenSlot slot = kNoSlot;
    /// Some of the hash's bits: most wrong ones are passed over without looking at their node.
    std::uint32_t tag = 0;
  };

  std::size_t home_of(const schemas::TokenHash& hash, std::int32_t partition) const;
  std::size_t place_of(TokenSlot slot);
  void grow();
  void put(TokenSlot slot);
  void make_room();
  void free(TokenSlot slot);

  const std::size_t max_tokens_;
  std::deque<TokenNode> nodes_;
  std::vector<TokenSlot> freed_;
  std::vector<Place> places_;
  std::size_t linked_ = 0;
  std::size_t in_use_ = 0;
  std::size_t hand_ = 0;
};

}  // namespace solo::projections
