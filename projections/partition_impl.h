// What a PartitionView is made of. For partition_view.cc and queries.cc alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "projections/flusher.h"
#include "projections/open_store.h"
#include "projections/outcome_book.h"
#include "projections/store.h"
#include "projections/view_transaction.h"
#include "projections/views.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct PartitionView::Impl {
  Impl(const ViewOptions& options, std::int32_t partition_number, OpenedStore opened)
      : log_uuid(options.log_uuid),
        partition(partition_number),
        partitions(options.partitions),
        store(std::move(opened.store)),
        outcomes(*store, partition_number),
        transaction(*store, outcomes),
        flusher(*store, opened.meta.next_offset, options.flush_after_records, options.flush_after),
        next_offset(opened.meta.next_offset) {
    for (auto& mark : opened.meta.tail) tail.push_back(std::move(*mark));
    meta = std::move(opened.meta);
    meta.tail.clear();
  }

  schemas::Result<void> check_order(const schemas::LogRecord& record, std::int64_t expected) const;
  schemas::Result<void> check_start(std::span<const schemas::LogRecord> records);
  schemas::Result<void> apply_all(std::span<const schemas::LogRecord> records, std::span<const RecordView> views,
                                  std::size_t& applied);
  void note_applied(std::span<const schemas::LogRecord> records);
  schemas::Result<ViewChange> commit();
  void abandon();
  void publish(std::vector<v1::RecordMarkT> marks);

  const std::string log_uuid;
  const std::int32_t partition;
  const std::int32_t partitions;
  const std::unique_ptr<Store> store;
  OutcomeBook outcomes;
  ViewTransaction transaction;
  Flusher flusher;
  TokenObserver* token_observer = nullptr;
  /// Why nothing is applied any more.
  std::optional<schemas::Error> halted;
  /// Applied in the transaction and not stored yet.
  struct {
    std::uint64_t records = 0;
    std::size_t bytes = 0;
    std::int64_t first_offset = 0;
    /// The last of them, whose marks outlive the batch.
    std::deque<schemas::LogRecord> last;
  } batch;
  /// A batch from here on came to nothing: its records have to come again.
  std::optional<std::int64_t> again_from;

  std::atomic<std::int64_t> next_offset;
  // What is stored, for readers of any thread.
  mutable std::mutex published;
  v1::PartitionMetaT meta;
  std::deque<v1::RecordMarkT> tail;
};

}  // namespace solo::projections
