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

/// The marks that outlive a batch: of its last records.
std::vector<v1::RecordMarkT> marks_of(std::span<const LogRecord> applied) {
  const std::size_t kept = std::min<std::size_t>(applied.size(), kMarks);
  std::vector<v1::RecordMarkT> marks;
  marks.reserve(kept);
  for (const LogRecord& record : applied.last(kept)) marks.push_back(mark_of(record));
  return marks;
}

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

Result<void> PartitionView::Impl::apply_all(std::span<const LogRecord> records, std::size_t& applied) {
  for (const LogRecord& record : records) {
    if (auto ordered = check_order(record, transaction.meta().next_offset); !ordered) return ordered;
    const auto judged = apply_record(record, partitions, log_uuid, transaction);
    if (transaction.failure()) return schemas::fail(*transaction.failure());
    if (!judged) {
      halted = judged.error();
      return {};
    }
    ++applied;
  }
  return {};
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

Result<ViewChange> PartitionView::apply(std::span<const LogRecord> records) {
  if (impl_->halted) return schemas::fail(*impl_->halted);
  ViewTransaction& transaction = impl_->transaction;
  transaction.begin(impl_->meta);
  const std::int64_t claimed_before = impl_->meta.owner ? impl_->meta.owner->claimed_at : -1;
  std::size_t applied = 0;
  if (auto all = impl_->apply_all(records, applied); !all) {
    transaction.abandon();
    return schemas::fail(std::move(all.error()));
  }
  ViewChange change;
  change.partition = impl_->partition;
  change.next_offset = impl_->next_offset.load();
  if (applied > 0) {
    schemas::crash_point("applying");
    auto marks = marks_of(records.first(applied));
    if (auto written = transaction.commit(marks); !written) return schemas::fail(std::move(written.error()));
    impl_->publish(std::move(marks));
    schemas::crash_point("applied");
    change.next_offset = impl_->meta.next_offset;
    change.services = transaction.changed_services();
    change.owner_changed = (impl_->meta.owner ? impl_->meta.owner->claimed_at : -1) != claimed_before;
    impl_->flusher.stored(applied, change.next_offset);
  }
  if (impl_->halted) return schemas::fail(*impl_->halted);
  return change;
}

void PartitionView::pass(std::int64_t offset) {
  const std::lock_guard lock(impl_->published);
  if (offset <= impl_->meta.next_offset) return;
  impl_->meta.next_offset = offset;
  impl_->next_offset.store(offset, std::memory_order_release);
}

}  // namespace solo::projections
