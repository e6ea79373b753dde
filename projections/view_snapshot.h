// One partition's view as it was at one moment, while the projector goes on: what a check of it needs. Entries, digest
// and position are of the same batch.
//
// Threads: one at a time. Holds no lock: the projector is never waited for and never waits. Errors: data_loss: what is
// stored cannot be read.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "projections/keys.h"
#include "projections/store.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

/// Calls it between slices of work; false: enough.
using Between = std::function<bool()>;

/// What does not fit within the entries.
struct EntryTrouble {
  /// In words: `service acme/web`.
  std::string entry;
  std::string message;
};

struct EntryTroubles {
  std::uint64_t found = 0;
  /// The first hundred of them.
  std::vector<EntryTrouble> named;

  void add(std::string entry, std::string message);
};

struct EntriesCheck {
  /// Entries that the digest covers, and entries of the tokens' indexes.
  std::uint64_t entries = 0;
  std::uint64_t index_entries = 0;
  /// The sum of the hashes, computed anew from every entry.
  schemas::Hash128 digest;
  /// Entries whose value is damaged, or has another hash than is stored with it.
  EntryTroubles unsound;
  /// Entries at odds with one another (code texts, how many hold them).
  EntryTroubles disagreeing;
  /// Tokens that an index lacks, and index entries without a token that belongs there.
  EntryTroubles misindexed;
  /// `between` ended it.
  bool ended_early = false;
};

class ViewSnapshot {
 public:
  /// How long a slice of a check is at most, give or take what is read between two looks at the clock.
  static constexpr std::chrono::milliseconds kSlice{2};

  static schemas::Result<std::unique_ptr<ViewSnapshot>> take(const Store& store, std::int32_t partition);

  std::int32_t partition() const { return partition_; }
  /// Position, owner, rules, digest and counters; the marks of the last records are in its tail, by offset.
  const v1::PartitionMetaT& meta() const { return meta_; }
  /// As it was kept from batch to batch.
  schemas::Hash128 digest() const;

  /// `each` for services in key order, with the hash of the record as it is stored; without the killed ones of which
  /// nothing is left. A damaged record is left out: check_entries() names it.
  using EachService = std::function<void(const v1::ServiceRecord& record, const schemas::Hash128& hash)>;
  schemas::Result<void> services(const EachService& each) const;
  /// Whichever; nothing: there has never been one, or it is damaged.
  schemas::Result<std::optional<std::pair<v1::ServiceRecordT, schemas::Hash128>>> service(
      const schemas::ServiceKey& key) const;

  /// Looks at every entry that the digest covers, and at the tokens' indexes, in slices.
  schemas::Result<EntriesCheck> check_entries(const Between& between) const;

  /// The raw entries that follow from the log alone, whoever applied it and in whichever batches, in key order, from
  /// `from` on.
  schemas::Result<void> log_entries(const std::string& from, const Store::Each& each) const;

 private:
  ViewSnapshot(const Store& store, std::int32_t partition) : store_(store), partition_(partition) {}
  schemas::Result<void> read_meta();
  /// Calls `each` for every entry of these views, in the order they are named in; `between` between slices. false: it
  /// ended it.
  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  schemas::Result<bool> visit(std::span<const View> views, const Between& between, const Visit& each) const;
  schemas::Result<bool> name_misindexed(const Between& between, EntryTroubles& troubles) const;

  const Store& store_;
  const std::int32_t partition_;
  Store::SnapshotHandle moment_;
  v1::PartitionMetaT meta_;
};

/// A key of the views, in words.
std::string describe_key(std::string_view key);

}  // namespace solo::projections
