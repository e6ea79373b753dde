// The outcomes of one partition: where each is (an index in memory) and what it says (in the store).
//
// The index is read from the store in the background after open(), so that opening takes no longer for a long log; who
// needs an outcome before that is done waits for it. Thread-safe: find() from any thread, the rest from the projector.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
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

  /// What is stored for it, or in `unstored`: outcomes of a batch that is being made, in the order of their offsets.
  using Unstored = std::vector<std::pair<std::int64_t, v1::OutcomeRecordT>>;
  schemas::Result<std::optional<RecordedOutcome>> find(std::string_view tenant, std::string_view source,
                                                       std::string_view id, const Unstored* unstored = nullptr) const;

  /// Lets find() see an outcome of the batch that is being made.
  void insert(const OutcomeEntry& entry);
  /// Adds the index pages that the batch's outcomes fill to the batch.
  void write_pages(const std::vector<OutcomeEntry>& added, rocksdb::WriteBatch& batch);
  /// The batch is stored.
  void committed(const std::vector<OutcomeEntry>& added);

 private:
  void load();
  schemas::Result<void> read_pages();
  schemas::Result<void> read_unpaged(std::int64_t from);
  schemas::Result<std::optional<v1::OutcomeRecordT>> read(std::int64_t offset) const;

  const Store& store_;
  const std::int32_t partition_;
  mutable std::mutex mutex_;
  mutable std::condition_variable loaded_changed_;
  bool loaded_ = false;
  bool stopping_ = false;
  std::optional<schemas::Error> failure_;
  OutcomeIndex index_;
  // Stored outcomes that no page holds yet, and the first offset after all pages.
  std::vector<OutcomeEntry> unpaged_;
  std::int64_t unpaged_from_ = 0;
  std::thread loader_;
};

}  // namespace solo::projections
