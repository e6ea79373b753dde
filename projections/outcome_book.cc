#include "projections/outcome_book.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "projections/keys.h"
#include "projections/store.h"
#include "projections/values.h"

namespace solo::projections {
namespace {

using schemas::Result;

/// Outcomes per page: so many bytes are read to look one of them up.
constexpr std::size_t kPageOutcomes = 64;

std::string_view text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

bool has_name(const v1::OutcomeRecord& outcome, std::string_view tenant, std::string_view source, std::string_view id) {
  return text_of(outcome.id()) == id && text_of(outcome.tenant()) == tenant && text_of(outcome.source()) == source;
}

std::string pack_page(const std::vector<v1::OutcomeRecordT>& outcomes) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<v1::OutcomeRecord>> packed;
  packed.reserve(outcomes.size());
  for (const v1::OutcomeRecordT& outcome : outcomes) packed.push_back(v1::OutcomeRecord::Pack(builder, &outcome));
  builder.Finish(v1::CreateOutcomePage(builder, builder.CreateVector(packed)));
  return std::string(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
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
  auto scanned =
      store_.scan(offset_key(View::outcome, indexed_pages_end_), end_of_prefix(prefix_key(View::outcome)),
                  [&](std::string_view key, std::string_view value) {
                    const std::string buffer(value);
                    const auto* page = view_table<v1::OutcomePage>(buffer);
                    damaged = page == nullptr || page->outcomes() == nullptr;
                    if (damaged) return false;
                    for (const v1::OutcomeRecord* outcome : *page->outcomes()) {
                      const OutcomeEntry entry{
                          outcome_hash(text_of(outcome->tenant()), text_of(outcome->source()), text_of(outcome->id())),
                          offset_of_key(key)};
                      index_.insert(entry);
                      unindexed_.push_back(entry);
                    }
                    return true;
                  });
  if (damaged) return schemas::fail(store_.damaged_entry("a page of outcomes"));
  return scanned;
}

Result<std::vector<std::int64_t>> OutcomeBook::pages_of(std::uint64_t hash) const {
  std::vector<std::int64_t> pages;
  std::unique_lock lock(mutex_);
  loaded_changed_.wait(lock, [&] { return loaded_; });
  if (failure_) return schemas::fail(*failure_);
  index_.find(hash, pages);
  return pages;
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find(std::string_view tenant, std::string_view source,
                                                         std::string_view id) const {
  auto pages = pages_of(outcome_hash(tenant, source, id));
  if (!pages) return schemas::fail(std::move(pages.error()));
  return find_stored(*pages, tenant, source, id);
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find_stored(const std::vector<std::int64_t>& pages,
                                                                std::string_view tenant, std::string_view source,
                                                                std::string_view id) const {
  // An id that fell out of the window may have been used again: the latest counts.
  std::optional<RecordedOutcome> latest;
  for (const std::int64_t first : pages) {
    const auto value = store_.get(offset_key(View::outcome, first));
    if (!value) return schemas::fail(value.error());
    if (!*value) continue;
    const auto* page = view_table<v1::OutcomePage>(**value);
    if (page == nullptr || page->outcomes() == nullptr) {
      return schemas::fail(store_.damaged_entry(fmt::format("the page of outcomes at offset {}", first)));
    }
    for (const v1::OutcomeRecord* outcome : *page->outcomes()) {
      if (!has_name(*outcome, tenant, source, id)) continue;
      if (latest && latest->position.offset > outcome->offset()) continue;
      latest.emplace();
      latest->position = {partition_, outcome->offset()};
      outcome->UnPackTo(&latest->record);
    }
  }
  return latest;
}

Result<std::optional<RecordedOutcome>> OutcomeBook::find_in_batch(std::string_view tenant, std::string_view source,
                                                                  std::string_view id) const {
  auto pages = pages_of(outcome_hash(tenant, source, id));
  if (!pages) return schemas::fail(std::move(pages.error()));
  if (pages->empty()) return std::optional<RecordedOutcome>();
  for (auto page = batch_.rbegin(); page != batch_.rend(); ++page) {
    if (std::find(pages->begin(), pages->end(), page->first) == pages->end()) continue;
    const auto found = std::find_if(page->outcomes.rbegin(), page->outcomes.rend(), [&](const auto& outcome) {
      return outcome.id == id && outcome.tenant == tenant && outcome.source == source;
    });
    if (found != page->outcomes.rend()) return RecordedOutcome{{partition_, found->offset}, *found};
  }
  return find_stored(*pages, tenant, source, id);
}

void OutcomeBook::add(v1::OutcomeRecordT outcome) {
  if (batch_.empty() || batch_.back().outcomes.size() == kPageOutcomes) batch_.push_back(Page{outcome.offset, {}});
  const OutcomeEntry entry{outcome_hash(outcome.tenant, outcome.source, outcome.id), batch_.back().first};
  batch_entries_.push_back(entry);
  batch_.back().outcomes.push_back(std::move(outcome));
  const std::lock_guard lock(mutex_);
  index_.insert(entry);
}

void OutcomeBook::write(rocksdb::WriteBatch& batch) {
  if (batch_.empty()) return;
  for (const Page& page : batch_) batch.Put(offset_key(View::outcome, page.first), pack_page(page.outcomes));
  if (unindexed_.size() + batch_entries_.size() < kIndexEntries) return;
  // All of it, so that the end of the index is the end of a page.
  std::vector<OutcomeEntry> all = unindexed_;
  all.insert(all.end(), batch_entries_.begin(), batch_entries_.end());
  batch.Put(offset_key(View::outcome_index, all.front().page), encode_index(all.data(), all.size()));
}

void OutcomeBook::committed() {
  // Without outcomes find() was not called: the index may still be loading.
  if (batch_.empty()) return;
  unindexed_.insert(unindexed_.end(), batch_entries_.begin(), batch_entries_.end());
  if (unindexed_.size() >= kIndexEntries) unindexed_.clear();
  batch_.clear();
  batch_entries_.clear();
}

void OutcomeBook::abandoned() {
  const std::lock_guard lock(mutex_);
  for (const OutcomeEntry& entry : batch_entries_) index_.erase(entry);
  batch_.clear();
  batch_entries_.clear();
}

}  // namespace solo::projections
