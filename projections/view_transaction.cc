#include "projections/view_transaction.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "projections/digest.h"
#include "projections/keys.h"
#include "projections/store.h"

namespace solo::projections {
namespace {

using schemas::Hash128;
using schemas::Result;

/// Entries kept for the next batches, at about a kilobyte each.
constexpr std::size_t kKeptEntries = 131'072;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Entry>
using EntryMap = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;

template <class Entry>
void keep_within_bound(EntryMap<Entry>& entries) {
  if (entries.size() > kKeptEntries) entries.clear();
}

rocksdb::Slice slice_of(std::string_view text) { return rocksdb::Slice(text.data(), text.size()); }

}  // namespace

struct ViewTransaction::ServiceEntry {
  const std::string* key = nullptr;
  /// Nothing: there has never been one.
  std::optional<v1::ServiceRecordT> record;
  /// Of what is stored; zero if nothing is.
  Hash128 stored_hash;
  bool changed = false;
};

struct ViewTransaction::TenantEntry {
  const std::string* key = nullptr;
  v1::TenantRecordT record;
  bool changed = false;
};

struct ViewTransaction::CodeEntry {
  const std::string* key = nullptr;
  std::uint64_t count = 0;
  std::uint64_t stored_count = 0;
  Hash128 stored_hash;
  /// The text, if it is not stored.
  std::string text;
  bool changed = false;
};

struct ViewTransaction::Entries {
  // By their keys in the store.
  EntryMap<ServiceEntry> services;
  EntryMap<TenantEntry> tenants;
  EntryMap<CodeEntry> code;
  // What the batch changed, each once, in the order it was first changed.
  std::vector<ServiceEntry*> changed_services;
  std::vector<TenantEntry*> changed_tenants;
  std::vector<CodeEntry*> changed_code;
  std::vector<schemas::ServiceKey> changed_names;
  rocksdb::WriteBatch batch;
  std::string key;
};

ViewTransaction::ViewTransaction(Store& store, OutcomeBook& outcomes)
    : store_(store), outcomes_(outcomes), entries_(std::make_unique<Entries>()) {}

ViewTransaction::~ViewTransaction() = default;

void ViewTransaction::begin(const v1::PartitionMetaT& meta) {
  meta_ = meta;
  digest_ = meta.digest.size() == kHashBytes ? Hash128::from_bytes(meta.digest.data()) : Hash128{};
  failure_.reset();
}

void ViewTransaction::abandon() {
  entries_ = std::make_unique<Entries>();
  outcomes_.abandoned();
  failure_.reset();
}

void ViewTransaction::fail_once(schemas::Error error) {
  if (!failure_) failure_ = std::move(error);
}

std::optional<std::string> ViewTransaction::read(const std::string& key) {
  auto value = store_.get(key);
  if (value) return *std::move(value);
  fail_once(std::move(value.error()));
  return std::nullopt;
}

ViewTransaction::ServiceEntry& ViewTransaction::load_service(std::string_view tenant, std::string_view service) {
  std::string& key = entries_->key;
  key = service_key(tenant, service);
  const auto [at, fresh] = entries_->services.try_emplace(key);
  ServiceEntry& entry = at->second;
  if (!fresh) return entry;
  entry.key = &at->first;
  if (const auto value = read(key)) {
    const auto hashed = split_hash(*value);
    if (hashed) entry.record = unpack<v1::ServiceRecordT>(hashed->buffer);
    if (entry.record) {
      entry.stored_hash = hashed->hash;
    } else {
      fail_once(store_.damaged_entry(fmt::format("the record of {}/{}", tenant, service)));
    }
  }
  return entry;
}

const v1::ServiceRecordT* ViewTransaction::find_service(std::string_view tenant, std::string_view service) {
  const ServiceEntry& entry = load_service(tenant, service);
  return entry.record ? &*entry.record : nullptr;
}

v1::ServiceRecordT& ViewTransaction::edit_service(std::string_view tenant, std::string_view service) {
  ServiceEntry& entry = load_service(tenant, service);
  if (!entry.record) {
    entry.record.emplace();
    entry.record->tenant = tenant;
    entry.record->service = service;
  }
  if (!entry.changed) {
    entry.changed = true;
    entries_->changed_services.push_back(&entry);
  }
  return *entry.record;
}

ViewTransaction::TenantEntry& ViewTransaction::load_tenant(std::string_view tenant) {
  std::string& key = entries_->key;
  key = text_key(View::tenant, tenant);
  const auto [at, fresh] = entries_->tenants.try_emplace(key);
  TenantEntry& entry = at->second;
  if (!fresh) return entry;
  entry.key = &at->first;
  if (const auto value = read(key)) {
    if (const auto record = unpack<v1::TenantRecordT>(*value)) {
      entry.record = *record;
    } else {
      fail_once(store_.damaged_entry(fmt::format("the record of tenant {}", tenant)));
    }
  }
  return entry;
}

const v1::TenantRecordT& ViewTransaction::tenant(std::string_view tenant) { return load_tenant(tenant).record; }

v1::TenantRecordT& ViewTransaction::edit_tenant(std::string_view tenant) {
  TenantEntry& entry = load_tenant(tenant);
  if (!entry.changed) {
    entry.changed = true;
    entries_->changed_tenants.push_back(&entry);
  }
  return entry.record;
}

ViewTransaction::CodeEntry& ViewTransaction::load_code(std::string_view digest) {
  std::string& key = entries_->key;
  key = text_key(View::code_references, digest);
  const auto [at, fresh] = entries_->code.try_emplace(key);
  CodeEntry& entry = at->second;
  if (!fresh) return entry;
  entry.key = &at->first;
  if (const auto value = read(key)) {
    const auto hashed = split_hash(*value);
    const auto record = hashed ? unpack<v1::CodeReferencesT>(hashed->buffer) : std::nullopt;
    if (record) {
      entry.count = entry.stored_count = record->count;
      entry.stored_hash = hashed->hash;
    } else {
      fail_once(store_.damaged_entry(fmt::format("the count of code {}", digest)));
    }
  }
  return entry;
}

std::uint64_t ViewTransaction::code_references(std::string_view digest) { return load_code(digest).count; }

void ViewTransaction::set_code_references(std::string_view digest, std::uint64_t count) {
  CodeEntry& entry = load_code(digest);
  entry.count = count;
  if (!entry.changed) {
    entry.changed = true;
    entries_->changed_code.push_back(&entry);
  }
}

void ViewTransaction::put_code(std::string_view digest, std::string text) {
  set_code_references(digest, 1);
  CodeEntry& entry = load_code(digest);
  if (entry.stored_count == 0) entry.text = std::move(text);
}

void ViewTransaction::erase_code(std::string_view digest) { set_code_references(digest, 0); }

std::optional<RecordedOutcome> ViewTransaction::find_outcome(std::string_view tenant, std::string_view source,
                                                             std::string_view id) {
  auto found = outcomes_.find_in_batch(tenant, source, id);
  if (found) return *std::move(found);
  fail_once(std::move(found.error()));
  return std::nullopt;
}

void ViewTransaction::add_outcome(v1::OutcomeRecordT outcome) { outcomes_.add(std::move(outcome)); }

void ViewTransaction::add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) {
  entries_->batch.Put(offset_key(View::dead_letter, offset), slice_of(packer_.pack(letter)));
}

void ViewTransaction::set_recovery(v1::RecoveryRecordT recovery) {
  entries_->batch.Put(prefix_key(View::recovery), slice_of(packer_.pack(recovery)));
}

void ViewTransaction::put_domain(const std::string& key, std::string_view buffer, Hash128& stored_hash) {
  const auto hash = entry_hash(key, buffer);
  assert(hash && "what was just packed is no damaged buffer");
  digest_ -= stored_hash;
  digest_ += *hash;
  stored_hash = *hash;
  const auto bytes = hash->bytes();
  const rocksdb::Slice parts[] = {{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, slice_of(buffer)};
  const rocksdb::Slice name(key);
  entries_->batch.Put(rocksdb::SliceParts(&name, 1), rocksdb::SliceParts(parts, 2));
}

void ViewTransaction::write_services() {
  entries_->changed_names.clear();
  // Neighbours in turn: the memtable finds the next one's place from the last one's.
  std::sort(entries_->changed_services.begin(), entries_->changed_services.end(),
            [](const ServiceEntry* left, const ServiceEntry* right) { return *left->key < *right->key; });
  for (ServiceEntry* entry : entries_->changed_services) {
    put_domain(*entry->key, packer_.pack(*entry->record), entry->stored_hash);
    entry->changed = false;
    entries_->changed_names.push_back(schemas::ServiceKey{schemas::TenantName::trusted(entry->record->tenant),
                                                          schemas::ServiceName::trusted(entry->record->service)});
  }
}

void ViewTransaction::write_code() {
  for (CodeEntry* entry : entries_->changed_code) {
    entry->changed = false;
    const std::string text_at = text_key(View::code, std::string_view(*entry->key).substr(1));
    if (entry->count > 0) {
      v1::CodeReferencesT references;
      references.count = entry->count;
      put_domain(*entry->key, packer_.pack(references), entry->stored_hash);
      if (entry->stored_count == 0) {
        v1::CodeRecordT code;
        code.text = std::move(entry->text);
        Hash128 nothing_stored;
        put_domain(text_at, packer_.pack(code), nothing_stored);
      }
    } else if (entry->stored_count > 0) {
      digest_ -= entry->stored_hash;
      entry->stored_hash = Hash128{};
      entries_->batch.Delete(*entry->key);
      if (const auto stored = read(text_at)) {
        if (const auto hashed = split_hash(*stored)) digest_ -= hashed->hash;
      }
      entries_->batch.Delete(text_at);
    }
    entry->stored_count = entry->count;
    entry->text.clear();
  }
}

void ViewTransaction::write_tenants() {
  for (TenantEntry* entry : entries_->changed_tenants) {
    entries_->batch.Put(*entry->key, slice_of(packer_.pack(entry->record)));
    entry->changed = false;
  }
}

void ViewTransaction::write_rest(const std::vector<v1::RecordMarkT>& marks) {
  for (const v1::RecordMarkT& mark : marks) {
    entries_->batch.Put(mark_key(mark.offset), slice_of(packer_.pack(mark)));
  }
  const auto bytes = digest_.bytes();
  meta_.digest.assign(bytes.begin(), bytes.end());
  entries_->batch.Put(prefix_key(View::meta), slice_of(packer_.pack(meta_)));
}

Result<void> ViewTransaction::commit(const std::vector<v1::RecordMarkT>& marks) {
  write_services();
  write_code();
  write_tenants();
  outcomes_.write(entries_->batch);
  write_rest(marks);
  Result<void> written = failure_ ? Result<void>(schemas::fail(*failure_)) : store_.write(entries_->batch);
  if (!written) {
    abandon();
    return written;
  }
  outcomes_.committed();
  entries_->changed_services.clear();
  entries_->changed_tenants.clear();
  entries_->changed_code.clear();
  entries_->batch.Clear();
  keep_within_bound(entries_->services);
  keep_within_bound(entries_->tenants);
  keep_within_bound(entries_->code);
  return {};
}

std::vector<schemas::ServiceKey> ViewTransaction::changed_services() const { return entries_->changed_names; }

}  // namespace solo::projections
