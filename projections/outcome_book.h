// The outcomes of one partition: where each is (an index in memory) and what it says (in the store).
//
// The index is read from the store in the background after open(), so that opening takes no longer for a long log; who
// needs an outcome before that is done waits for it. Thread-safe: find() from any thread, the rest from the projector.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "projections/outcome.h"
#include "projections/outcome_index.h"
#include "schemas/result.h"

namespace rocksdb {
class WriteBatch;
}

namespace solo::projections {

class Store;

class OutcomeBook {
 public:
  /// Borrows the store and begins to read.
  OutcomeBook(const Store& store, std::int32_t partition);
  ~OutcomeBook();
  OutcomeBook(const OutcomeBook&) = delete;
  OutcomeBook& operator=(const OutcomeBook&) = delete;

  /// The latest of that name that is stored.
  schemas::Result<std::optional<RecordedOutcome>> find(std::string_view tenant, std::string_view source,
                                                       std::string_view id) const;

  /// The same, and in the batch that is being made. Projector only, like all below.
  schemas::Result<std::optional<RecordedOutcome>> find_in_batch(std::string_view tenant, std::string_view source,
                                                                std::string_view id) const;
  void add(v1::OutcomeRecordT outcome);
  /// Adds the batch's outcomes, and the index entries that they fill, to the batch.
  void write(rocksdb::WriteBatch& batch);
  /// The batch is stored.
  void committed();
  /// The batch came to nothing.
  void abandoned();

 private:
  struct Page {
    std::int64_t first = 0;
    std::vector<v1::OutcomeRecordT> outcomes;
  };

  void load();
  schemas::Result<void> read_index();
  schemas::Result<void> read_unindexed();
  schemas::Result<std::vector<std::int64_t>> pages_of(std::uint64_t hash) const;
  schemas::Result<std::optional<RecordedOutcome>> find_stored(const std::vector<std::int64_t>& pages,
                                                              std::string_view tenant, std::string_view source,
                                                              std::string_view id) const;

  const Store& store_;
  const std::int32_t partition_;
  mutable std::mutex mutex_;
  mutable std::condition_variable loaded_changed_;
  bool loaded_ = false;
  bool stopping_ = false;
  std::optional<schemas::Error> failure_;
  OutcomeIndex index_;
  // The projector's own: what no stored index entry holds yet, and the batch that is being made.
  std::vector<OutcomeEntry> unindexed_;
  std::int64_t indexed_pages_end_ = 0;
  std::vector<Page> batch_;
  std::vector<OutcomeEntry> batch_entries_;
  std::thread loader_;
};

}  // namespace solo::projections
