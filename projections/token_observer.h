// What those who keep tokens in memory must hear of a batch: everything by which a token may do less than before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace solo::projections {

struct TokenChanges {
  /// Hashes (64 hex digits).
  std::vector<std::string> revoked;
  std::vector<std::string> replaced;
  std::vector<std::string> removed;
  struct Tenant {
    std::string name;
    std::uint64_t epoch = 0;
  };
  /// Tokens of an earlier epoch are revoked.
  std::vector<Tenant> tenants;

  bool empty() const { return revoked.empty() && replaced.empty() && removed.empty() && tenants.empty(); }
};

class TokenObserver {
 public:
  virtual ~TokenObserver() = default;
  /// Called on the projector's thread after the batch is stored (a read finds it) and before its position is told to
  /// anybody: when somebody sees that the position was passed, every observer has heard of it.
  virtual void tokens_changed(std::int32_t partition, const TokenChanges& changes) = 0;
};

}  // namespace solo::projections
