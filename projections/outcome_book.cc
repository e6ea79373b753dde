#include "projections/outcome_book.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <functional>

#include "projections/keys.h"
#include "projections/store.h"
#include "projections/values.h"

namespace solo::projections {
namespace {

using schemas::Result;

/// Outcomes per page: so many bytes are read to look one of them up.
constexpr std::size_t kPageOutcomes = 64;

rocksdb::Slice slice_of(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

bool has_name(const NewOutcome& outcome, const OutcomeName& name) {
  return outcome.id == name.id && outcome.tenant == name.tenant && outcome.source == name.source;
}

}  // namespace

OutcomeBook::OutcomeBook(const Store& store, std::int32_t partition)
    : store_(store), partition_(partition), loader_([this] { load(); }) {}

OutcomeBook::~OutcomeBook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  loader_.join();
}

void OutcomeBook::load() {
  // Nobody else touches the index before loaded_ is set.
  Result<void> done = read_index();
  if (done) done = read_unindexed();
  const std::lock_guard lock(mutex_);
  if (!done) failure_ = done.error();
  loaded_ = true;
  loaded_changed_.notify_all();
}

Result<void> OutcomeBook::read_index() {
  const std::string first = prefix_key(View::outcome_index);
  bool damaged = false;
  auto scanned = store_.scan(first, end_of_prefix(first), [&](std::string_view, std::string_view entries) {
    damaged = !decode_index(entries, [&](OutcomeEntry entry) {
      index_.insert(entry);
      indexed_pages_end_ = std::max(indexed_pages_end_, entry.page + 1);
    });
    const std::lock_guard lock(mutex_);
    return !damaged && !stopping_;
  });
  if (damaged) return schemas::fail(store_.damaged_entry("the outcome index"));
  return scanned;
}

Result<void> OutcomeBook::read_unindexed() {
  bool damaged = false;
  auto scanned = store_.scan(
      offset_key(View::outcome, indexed_pages_end_), end_of_prefix(prefix_key(View::outcome)),
      [&](std::string_view key, std::string_view value) {
        damaged = !read_outcome_page(value, [&](const NewOutcome& outcome) {
          const OutcomeEntry entry{outcome_hash(outcome.tenant, outcome.source, outcome.id), offset_of_key(key)};
          index_.insert(entry);
          unindexed_.push_back(entry);
        });
        return !damaged;
      });
  if (damaged) return schemas::fail(store_.damaged_entry("a page of outcomes"));
  return scanned;
}

Result<void> OutcomeBook::wait_until_loaded(std::unique_lock<std::mutex>& lock) const {
  loaded_changed_.wait(lock, [&] { return loaded_; });
  if (failure_) return schemas::fail(*failure_);
  return {};
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find(const OutcomeName& name) const {
  std::vector<std::int64_t> pages;
  {
    std::unique_lock lock(mutex_);
    if (auto loaded = wait_until_loaded(lock); !loaded) return schemas::fail(std::move(loaded.error()));
    index_.find(name.hash, pages);
  }
  return find_stored(pages, name);
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find_stored(const std::vector<std::int64_t>& pages,
                                                                const OutcomeName& name) const {
  // An id that fell out of the window may have been used again: the latest counts.
  std::optional<RecordedOutcome> latest;
  for (const std::int64_t first : pages) {
    const auto page = stored_page(first);
    if (!page) return schemas::fail(page.error());
    if (*page) look_into((*page)->bytes, name, latest);
  }
  return latest;
}

Result<std::shared_ptr<const OutcomeBook::StoredPage>> OutcomeBook::stored_page(std::int64_t first) const {
  {
    const std::lock_guard lock(mutex_);
    if (last_page_ && last_page_->first == first) return last_page_;
  }
  auto value = store_.get(offset_key(View::outcome, first));
  if (!value) return schemas::fail(value.error());
  if (!*value) return nullptr;
  auto page = std::make_shared<const StoredPage>(StoredPage{first, **std::move(value)});
  if (!read_outcome_page(page->bytes, [](const NewOutcome&) {})) {
    return schemas::fail(store_.damaged_entry(fmt::format("the page of outcomes at offset {}", first)));
  }
  const std::lock_guard lock(mutex_);
  last_page_ = page;
  return page;
}

void OutcomeBook::look_into(std::string_view page, const OutcomeName& name,
                            std::optional<RecordedOutcome>& latest) const {
  // Sound: it was read before, or made here.
  read_outcome_page(page, [&](const NewOutcome& outcome) {
    if (!has_name(outcome, name) || (latest && latest->position.offset > outcome.offset)) return;
    latest = RecordedOutcome{{partition_, outcome.offset}, record_of(outcome)};
  });
}

std::string_view OutcomeBook::batch_page(std::int64_t first) const {
  const auto at = std::lower_bound(batch_.begin(), batch_.end(), first,
                                   [](const Page& page, std::int64_t offset) { return page.first < offset; });
  if (at == batch_.end() || at->first != first) return {};
  return std::string_view(batch_of_pages_->Data()).substr(at->at, at->size);
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find_in_batch(const OutcomeName& name) {
  if (!known_loaded_) {
    std::unique_lock lock(mutex_);
    if (auto loaded = wait_until_loaded(lock); !loaded) return schemas::fail(std::move(loaded.error()));
    known_loaded_ = true;
  }
  // No lock: nobody but the projector changes the index from now on.
  index_.find(name.hash, found_);
  if (found_.empty()) return std::optional<RecordedOutcome>();
  std::sort(found_.begin(), found_.end(), std::greater<>());
  std::optional<RecordedOutcome> latest;
  for (const std::int64_t first : found_) {
    if (open_.count() > 0 && first == open_first_) {
      look_into(open_.bytes(), name, latest);
    } else if (const std::string_view page = batch_page(first); page.empty()) {
      break;  // stored ones are older than the batch
    } else {
      look_into(page, name, latest);
    }
    if (latest) return latest;
  }
  return find_stored(found_, name);
}

void OutcomeBook::close_page(rocksdb::WriteBatch& batch) {
  if (open_.count() == 0) return;
  const std::string_view bytes = open_.bytes();
  batch.Put(offset_key(View::outcome, open_first_), slice_of(bytes));
  // A put's value is what it adds last.
  batch_of_pages_ = &batch;
  batch_.push_back(Page{open_first_, batch.GetDataSize() - bytes.size(), bytes.size()});
  open_.clear();
}

void OutcomeBook::add(const NewOutcome& outcome, std::uint64_t hash, rocksdb::WriteBatch& batch) {
  if (open_.count() == kPageOutcomes) close_page(batch);
  if (open_.count() == 0) open_first_ = outcome.offset;
  open_.add(outcome);
  const OutcomeEntry entry{hash, open_first_};
  batch_entries_.push_back(entry);
  const std::lock_guard lock(mutex_);
  index_.insert(entry);
}

void OutcomeBook::write(rocksdb::WriteBatch& batch) {
  close_page(batch);
  if (batch_.empty() || unindexed_.size() + batch_entries_.size() < kIndexEntries) return;
  // All of it, so that the end of the index is the end of a page.
  const std::int64_t first = (unindexed_.empty() ? batch_entries_ : unindexed_).front().page;
  const rocksdb::Slice parts[] = {slice_of(encode_index(unindexed_)), slice_of(encode_index(batch_entries_))};
  const std::string key = offset_key(View::outcome_index, first);
  const rocksdb::Slice name(key);
  batch.Put(rocksdb::SliceParts(&name, 1), rocksdb::SliceParts(parts, 2));
}

void OutcomeBook::committed() {
  // Without outcomes find() was not called: the index may still be loading.
  if (batch_.empty()) return;
  if (unindexed_.size() + batch_entries_.size() >= kIndexEntries) {
    unindexed_.clear();
  } else {
    unindexed_.insert(unindexed_.end(), batch_entries_.begin(), batch_entries_.end());
  }
  forget_batch();
}

void OutcomeBook::forget_batch() {
  batch_.clear();
  open_.clear();
  batch_entries_.clear();
}

void OutcomeBook::abandoned() {
  const std::lock_guard lock(mutex_);
  for (const OutcomeEntry& entry : batch_entries_) index_.erase(entry);
  forget_batch();
}

}  // namespace solo::projections
