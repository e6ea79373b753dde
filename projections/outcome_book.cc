#include "projections/outcome_book.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "projections/keys.h"
#include "projections/store.h"
#include "projections/values.h"

namespace solo::projections {

using schemas::Result;

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
  Result<void> done = read_pages();
  if (done) done = read_unpaged(unpaged_from_);
  const std::lock_guard lock(mutex_);
  if (!done) failure_ = done.error();
  loaded_ = true;
  loaded_changed_.notify_all();
}

Result<void> OutcomeBook::read_pages() {
  const std::string first = prefix_key(View::outcome_page);
  bool damaged = false;
  auto scanned = store_.scan(first, end_of_prefix(first), [&](std::string_view, std::string_view page) {
    damaged = !decode_page(page, [&](OutcomeEntry entry) {
      index_.insert(entry);
      unpaged_from_ = std::max(unpaged_from_, entry.offset + 1);
    });
    const std::lock_guard lock(mutex_);
    return !damaged && !stopping_;
  });
  if (damaged) return schemas::fail(store_.damaged_entry("the outcome index"));
  return scanned;
}

Result<void> OutcomeBook::read_unpaged(std::int64_t from) {
  bool damaged = false;
  auto scanned = store_.scan(
      offset_key(View::outcome, from), end_of_prefix(prefix_key(View::outcome)),
      [&](std::string_view key, std::string_view value) {
        const auto outcome = unpack<v1::OutcomeRecordT>(std::string(value));
        if (!outcome) {
          damaged = true;
          return false;
        }
        const OutcomeEntry entry{outcome_hash(outcome->tenant, outcome->source, outcome->id), offset_of_key(key)};
        index_.insert(entry);
        unpaged_.push_back(entry);
        return true;
      });
  if (damaged) return schemas::fail(store_.damaged_entry("an outcome"));
  return scanned;
}

Result<std::optional<v1::OutcomeRecordT>> OutcomeBook::read(std::int64_t offset) const {
  const auto value = store_.get(offset_key(View::outcome, offset));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<v1::OutcomeRecordT>();
  auto outcome = unpack<v1::OutcomeRecordT>(**value);
  if (!outcome) return schemas::fail(store_.damaged_entry(fmt::format("the outcome of offset {}", offset)));
  return outcome;
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find(std::string_view tenant, std::string_view source,
                                                         std::string_view id, const Unstored* unstored) const {
  std::vector<std::int64_t> offsets;
  {
    std::unique_lock lock(mutex_);
    loaded_changed_.wait(lock, [&] { return loaded_; });
    if (failure_) return schemas::fail(*failure_);
    index_.find(outcome_hash(tenant, source, id), offsets);
  }
  // The latest first: an id that fell out of the window may have been used again.
  std::sort(offsets.rbegin(), offsets.rend());
  const auto matches = [&](const v1::OutcomeRecordT& outcome) {
    return outcome.tenant == tenant && outcome.source == source && outcome.id == id;
  };
  for (const std::int64_t offset : offsets) {
    if (unstored != nullptr) {
      const auto at = std::lower_bound(unstored->begin(), unstored->end(), offset,
                                       [](const auto& entry, std::int64_t wanted) { return entry.first < wanted; });
      if (at != unstored->end() && at->first == offset) {
        if (matches(at->second)) return RecordedOutcome{{partition_, offset}, at->second};
        continue;
      }
    }
    auto outcome = read(offset);
    if (!outcome) return schemas::fail(outcome.error());
    if (*outcome && matches(**outcome)) return RecordedOutcome{{partition_, offset}, **std::move(outcome)};
  }
  return std::optional<RecordedOutcome>();
}

void OutcomeBook::insert(const OutcomeEntry& entry) {
  const std::lock_guard lock(mutex_);
  index_.insert(entry);
}

void OutcomeBook::write_pages(const std::vector<OutcomeEntry>& added, rocksdb::WriteBatch& batch) {
  if (added.empty() || unpaged_.size() + added.size() < kOutcomePage) return;
  std::vector<OutcomeEntry> all = unpaged_;
  all.insert(all.end(), added.begin(), added.end());
  for (std::size_t at = 0; at + kOutcomePage <= all.size(); at += kOutcomePage) {
    batch.Put(offset_key(View::outcome_page, all[at].offset), encode_page(&all[at], kOutcomePage));
  }
}

void OutcomeBook::committed(const std::vector<OutcomeEntry>& added) {
  // Nothing was added, so find() was not called: the index may still be loading.
  if (added.empty()) return;
  unpaged_.insert(unpaged_.end(), added.begin(), added.end());
  unpaged_.erase(unpaged_.begin(),
                 unpaged_.begin() + static_cast<std::ptrdiff_t>(unpaged_.size() / kOutcomePage * kOutcomePage));
}

}  // namespace solo::projections
