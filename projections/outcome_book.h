// The outcomes of one partition: where each is (an index in memory) and what it says (in the store).
//
// The index is read from the store in the background after open(), so that opening takes no longer for a long log; who
// needs an outcome before that is done waits for it. Thread-safe: find() from any thread, the rest from the projector.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "projections/outcome.h"
#include "projections/outcome_index.h"
#include "projections/outcome_page.h"
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
  schemas::Result<std::optional<RecordedOutcome>> find(const OutcomeName& name) const;

  /// The same, and in the batch that is being made. Projector only, like all below.
  schemas::Result<std::optional<RecordedOutcome>> find_in_batch(const OutcomeName& name);
  /// `hash`: its outcome_hash(). Full pages go into the batch, which must be the same until it is stored or came to
  /// nothing.
  void add(const NewOutcome& outcome, std::uint64_t hash, rocksdb::WriteBatch& batch);
  /// It will be asked for, or added, soon.
  void bring_near(std::uint64_t hash) const {
    if (known_loaded_) index_.bring_near(hash);
  }
  /// Adds the rest of the batch's outcomes, and the index entries that they fill, to the batch.
  void write(rocksdb::WriteBatch& batch);
  /// The batch is stored.
  void committed();
  /// The batch came to nothing.
  void abandoned();

 private:
  /// Where it stands in the batch.
  struct Page {
    std::int64_t first = 0;
    std::size_t at = 0;
    std::size_t size = 0;
  };
  /// As it is in the store, and sound. It never changes.
  struct StoredPage {
    std::int64_t first = 0;
    std::string bytes;
  };

  void load();
  schemas::Result<void> read_index();
  schemas::Result<void> read_unindexed();
  schemas::Result<void> wait_until_loaded(std::unique_lock<std::mutex>& lock) const;
  void close_page(rocksdb::WriteBatch& batch);
  void forget_batch();
  /// Nothing: it is not in the batch. No page is empty.
  std::string_view batch_page(std::int64_t first) const;
  /// Nothing: it is not stored.
  schemas::Result<std::shared_ptr<const StoredPage>> stored_page(std::int64_t first) const;
  /// Takes those of the (sound) page that have that name and are later than `latest`.
  void look_into(std::string_view page, const OutcomeName& name, std::optional<RecordedOutcome>& latest) const;
  schemas::Result<std::optional<RecordedOutcome>> find_stored(const std::vector<std::int64_t>& pages,
                                                              const OutcomeName& name) const;

  const Store& store_;
  const std::int32_t partition_;
  mutable std::mutex mutex_;
  mutable std::condition_variable loaded_changed_;
  bool loaded_ = false;
  bool stopping_ = false;
  std::optional<schemas::Error> failure_;
  OutcomeIndex index_;
  /// The last one read: commands that were written together are asked for together.
  mutable std::shared_ptr<const StoredPage> last_page_;
  // The projector's own: what no stored index entry holds yet, and the batch that is being made.
  std::vector<OutcomeEntry> unindexed_;
  std::int64_t indexed_pages_end_ = 0;
  bool known_loaded_ = false;
  std::vector<Page> batch_;
  const rocksdb::WriteBatch* batch_of_pages_ = nullptr;
  /// The batch's last page, which takes more, and its first outcome's offset.
  OutcomePageWriter open_;
  std::int64_t open_first_ = 0;
  std::vector<std::int64_t> found_;
  std::vector<OutcomeEntry> batch_entries_;
  std::thread loader_;
};

}  // namespace solo::projections
