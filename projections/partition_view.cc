// The writing half of a partition's view: open and apply. The reading half is in queries.cc.
#include <fmt/format.h>

#include <algorithm>

#include "projections/apply.h"
#include "projections/keys.h"
#include "projections/partition_impl.h"
#include "projections/text.h"
#include "schemas/codec.h"
#include "schemas/crash_point.h"
#include "schemas/crc32c.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::LogRecord;
using schemas::Result;

v1::RecordMarkT mark_of(const LogRecord& record) {
  v1::RecordMarkT mark;
  mark.offset = record.position.offset;
  mark.crc = schemas::crc32c(record.value);
  const auto event = schemas::view_event(record.value);
  if (event && (*event)->id() != nullptr) mark.id = clip_head((*event)->id()->string_view(), kMaxIdentityBytes);
  return mark;
}

/// So many records before its turn a record's entries are brought near.
constexpr std::size_t kAhead = 8;

/// A joined batch ends with so many records or bytes of them.
constexpr std::uint64_t kMaxJoined = 524'288;
constexpr std::size_t kMaxJoinedBytes = 128 * 1024 * 1024;

}  // namespace

Result<void> PartitionView::Impl::check_order(const LogRecord& record, std::int64_t expected) const {
  if (record.position.partition != partition) {
    return schemas::fail(ErrorCode::invalid_argument, fmt::format("a record at {} does not belong into partition {}",
                                                                  to_string(record.position), partition));
  }
  if (record.position.offset < expected) {
    return schemas::fail(ErrorCode::invalid_argument, fmt::format("a record at {} comes after everything before {}",
                                                                  to_string(record.position), expected));
  }
  return {};
}

Result<void> PartitionView::Impl::check_start(std::span<const LogRecord> records) {
  if (!again_from || records.empty()) return {};
  if (records.front().position.offset > *again_from) {
    return schemas::fail(ErrorCode::invalid_argument,
                         fmt::format("the records from offset {} on have to be read again", *again_from));
  }
  again_from.reset();
  return {};
}

Result<void> PartitionView::Impl::apply_all(std::span<const LogRecord> records, std::span<const RecordView> views,
                                            std::size_t& applied) {
  for (const LogRecord& record : records) {
    if (applied + 2 * kAhead < views.size()) transaction.bring_tables_near(views[applied + 2 * kAhead]);
    if (applied + kAhead < views.size()) transaction.bring_entries_near(views[applied + kAhead]);
    if (auto ordered = check_order(record, transaction.meta().next_offset); !ordered) return ordered;
    const auto judged = apply_record(record, views[applied], partitions, log_uuid, transaction);
    if (transaction.failure()) return schemas::fail(*transaction.failure());
    if (!judged) {
      halted = judged.error();
      return {};
    }
    ++applied;
  }
  return {};
}

void PartitionView::Impl::note_applied(std::span<const LogRecord> records) {
  if (records.empty()) return;
  if (batch.records == 0) batch.first_offset = records.front().position.offset;
  batch.records += records.size();
  for (const LogRecord& record : records) batch.bytes += record.value.size();
  for (const LogRecord& record : records.last(std::min<std::size_t>(records.size(), kMarks))) {
    batch.last.push_back(record);
    if (batch.last.size() > static_cast<std::size_t>(kMarks)) batch.last.pop_front();
  }
}

void PartitionView::Impl::abandon() {
  transaction.abandon();
  if (batch.records > 0) again_from = batch.first_offset;
  batch = {};
}

Result<ViewChange> PartitionView::Impl::commit() {
  ViewChange change;
  change.partition = partition;
  change.next_offset = next_offset.load();
  if (batch.records == 0) return change;
  const std::int64_t claimed_before = meta.owner ? meta.owner->claimed_at : -1;
  schemas::crash_point("applying");
  std::vector<v1::RecordMarkT> marks;
  for (const LogRecord& record : batch.last) marks.push_back(mark_of(record));
  if (auto written = transaction.commit(marks); !written) {
    abandon();
    return schemas::fail(std::move(written.error()));
  }
  // In this order: who sees the new position may take it for granted that a revoked token is refused.
  if (token_observer != nullptr && !transaction.token_changes().empty()) {
    token_observer->tokens_changed(partition, transaction.token_changes());
  }
  publish(std::move(marks));
  schemas::crash_point("applied");
  change.next_offset = meta.next_offset;
  change.services = transaction.take_changed_services();
  change.owner_changed = (meta.owner ? meta.owner->claimed_at : -1) != claimed_before;
  const std::uint64_t records = batch.records;
  batch = {};
  flusher.stored(records, change.next_offset);
  return change;
}

void PartitionView::Impl::publish(std::vector<v1::RecordMarkT> marks) {
  const std::lock_guard lock(published);
  meta = transaction.meta();
  for (v1::RecordMarkT& mark : marks) tail.push_back(std::move(mark));
  while (tail.size() > static_cast<std::size_t>(kMarks)) tail.pop_front();
  next_offset.store(meta.next_offset, std::memory_order_release);
}

PartitionView::PartitionView(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PartitionView::~PartitionView() = default;

Result<std::unique_ptr<PartitionView>> PartitionView::open(const ViewOptions& options, std::int32_t partition,
                                                           OpenReport* report) {
  OpenReport unread;
  auto opened = open_store(options, partition, report != nullptr ? *report : unread);
  if (!opened) return schemas::fail(std::move(opened.error()));
  return std::unique_ptr<PartitionView>(
      new PartitionView(std::make_unique<Impl>(options, partition, *std::move(opened))));
}

Result<ViewChange> PartitionView::apply(std::span<const LogRecord> records, Batching batching) {
  return apply(records, view_all(records), batching);
}

std::vector<RecordView> PartitionView::view_all(std::span<const LogRecord> records) const {
  std::vector<RecordView> views;
  views.reserve(records.size());
  for (const LogRecord& record : records) views.push_back(view_record(record, impl_->partitions));
  return views;
}

Result<ViewChange> PartitionView::apply(std::span<const LogRecord> records, std::span<const RecordView> views,
                                        Batching batching) {
  if (impl_->halted) return schemas::fail(*impl_->halted);
  if (auto start = impl_->check_start(records); !start) return schemas::fail(std::move(start.error()));
  if (impl_->batch.records == 0) impl_->transaction.begin(impl_->meta);
  std::size_t applied = 0;
  if (auto all = impl_->apply_all(records, views, applied); !all) {
    impl_->abandon();
    return schemas::fail(std::move(all.error()));
  }
  impl_->note_applied(records.first(applied));
  const auto& batch = impl_->batch;
  const bool full = batch.records >= kMaxJoined || batch.bytes >= kMaxJoinedBytes || impl_->transaction.is_large();
  if (batching == Batching::joined && !full && !impl_->halted) {
    ViewChange nothing;
    nothing.partition = impl_->partition;
    nothing.next_offset = impl_->next_offset.load();
    return nothing;
  }
  auto change = impl_->commit();
  if (change && impl_->halted) return schemas::fail(*impl_->halted);
  return change;
}

void PartitionView::observe_tokens(TokenObserver* observer) { impl_->token_observer = observer; }

void PartitionView::pass(std::int64_t offset) {
  const std::lock_guard lock(impl_->published);
  if (offset <= impl_->meta.next_offset) return;
  impl_->meta.next_offset = offset;
  impl_->next_offset.store(offset, std::memory_order_release);
}

}  // namespace solo::projections
