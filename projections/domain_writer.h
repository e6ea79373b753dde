// Domain entries on their way into a batch: written with their hash in front, and counted into the digest.
#pragma once

#include <string>
#include <string_view>

#include "schemas/fingerprint.h"

namespace rocksdb {
class WriteBatch;
}

namespace solo::projections {

/// Borrows both.
struct DomainWriter {
  rocksdb::WriteBatch& batch;
  schemas::Hash128& digest;

  /// `stored_hash`: of what is stored, zero if nothing is; then of this.
  void put(const std::string& key, std::string_view buffer, schemas::Hash128& stored_hash) const;
  void erase(const std::string& key, schemas::Hash128& stored_hash) const;
};

}  // namespace solo::projections
