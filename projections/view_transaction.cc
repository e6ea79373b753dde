#include "projections/view_transaction.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "projections/byte_arena.h"
#include "projections/domain_writer.h"
#include "projections/entry_map.h"
#include "projections/keys.h"
#include "projections/prefetch.h"
#include "projections/service_state.h"
#include "projections/service_table.h"
#include "projections/store.h"

namespace solo::projections {
namespace {

using schemas::Hash128;
using schemas::Result;

rocksdb::Slice slice_of(std::string_view text) { return rocksdb::Slice(text.data(), text.size()); }

/// The bytes from there on as a number that compares as they do.
std::uint64_t number_at(std::string_view text, std::size_t from) {
  std::array<unsigned char, sizeof(std::uint64_t)> bytes{};
  const std::string_view part = text.substr(std::min(from, text.size())).substr(0, bytes.size());
  std::copy(part.begin(), part.end(), bytes.begin());
  std::uint64_t number = 0;
  for (const unsigned char byte : bytes) number = number << 8 | byte;
  return number;
}

/// Batches of few records need a page or two of it, joined ones about as much.
constexpr std::size_t kBatchReserve = std::size_t{64} << 20U;
/// A batch over this leaves so much memory behind that it is given back once batches are small again.
constexpr std::size_t kLargeBatch = std::size_t{4} << 20U;

/// How many services before its turn one is brought near.
constexpr std::size_t kAhead = 4;
void bring_parts_near(const ServiceEntry& entry) {
  prefetch(entry.record.get(), sizeof(v1::ServiceRecordT));
  prefetch(entry.event.data(), entry.event.size());
}

/// The record says all that is to be kept.
void settle(ServiceEntry& entry) {
  if (entry.event.empty()) return;
  entry.record->pending = deployment_of(*flatbuffers::GetRoot<v1::Event>(entry.event.data()), entry.outline.addressed);
  entry.event = {};
}

/// By their keys. Mostly compares what stands where the keys begin to differ, without going to the entries: there may
/// be a hundred thousand of them.
std::vector<ServiceEntry*> in_key_order(const std::vector<ServiceEntry*>& entries) {
  struct Placed {
    std::uint64_t number = 0;
    ServiceEntry* entry = nullptr;
  };
  std::size_t shared = entries.empty() ? 0 : entries.front()->key.size();
  for (const ServiceEntry* entry : entries) {
    const std::string& first = entries.front()->key;
    const auto [differs, ignored] = std::mismatch(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(shared),
                                                  entry->key.begin(), entry->key.end());
    shared = static_cast<std::size_t>(differs - first.begin());
  }
  std::vector<Placed> placed;
  placed.reserve(entries.size());
  for (ServiceEntry* entry : entries) placed.push_back({number_at(entry->key, shared), entry});
  std::sort(placed.begin(), placed.end(), [](const Placed& left, const Placed& right) {
    return left.number != right.number ? left.number < right.number : left.entry->key < right.entry->key;
  });
  std::vector<ServiceEntry*> ordered;
  ordered.reserve(placed.size());
  for (const Placed& one : placed) ordered.push_back(one.entry);
  return ordered;
}

}  // namespace

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
  ServiceTable services;
  // By their keys in the store.
  EntryMap<TenantEntry> tenants;
  EntryMap<CodeEntry> code;
  // What the batch changed, each once, in the order it was first changed.
  std::vector<ServiceEntry*> changed_services;
  std::vector<TenantEntry*> changed_tenants;
  std::vector<CodeEntry*> changed_code;
  std::vector<schemas::ServiceKey> changed_names;
  // What was asked for last.
  ServiceEntry* last_service = nullptr;
  TenantEntry* last_tenant = nullptr;
  /// Its memory is there to be grown into, not touched before.
  rocksdb::WriteBatch batch{kBatchReserve};
  bool after_large = false;
  /// Events that are to become pending deployments.
  ByteArena events;
  std::string key;
};

ViewTransaction::ViewTransaction(Store& store, OutcomeBook& outcomes)
    : store_(store),
      outcomes_(outcomes),
      entries_(std::make_unique<Entries>()),
      tokens_(store, [this](schemas::Error error) { fail_once(std::move(error)); }) {}

ViewTransaction::~ViewTransaction() = default;

void ViewTransaction::begin(const v1::PartitionMetaT& meta) {
  meta_ = meta;
  digest_ = meta.digest.size() == kHashBytes ? Hash128::from_bytes(meta.digest.data()) : Hash128{};
  nothing_stored_ = meta.log_uuid.empty();
  failure_.reset();
}

void ViewTransaction::abandon() {
  entries_ = std::make_unique<Entries>();
  tokens_.abandon();
  outcomes_.abandoned();
  failure_.reset();
}

bool ViewTransaction::is_large() const {
  return std::max({entries_->services.size(), entries_->tenants.size(), entries_->code.size(), tokens_.held()}) >
         kKeptEntries;
}

void ViewTransaction::fail_once(schemas::Error error) {
  if (!failure_) failure_ = std::move(error);
}

std::optional<std::string> ViewTransaction::read(const std::string& key) {
  if (nothing_stored_) return std::nullopt;
  auto value = store_.get(key);
  if (value) return *std::move(value);
  fail_once(std::move(value.error()));
  return std::nullopt;
}

void ViewTransaction::bring_tables_near(const RecordView& record) const {
  if (!record.incoming) return;
  outcomes_.bring_near(record.incoming->outcome_hash);
  entries_->services.bring_slot_near(record.incoming->service_hash);
}

void ViewTransaction::bring_entries_near(const RecordView& record) const {
  if (!record.incoming) return;
  entries_->services.bring_entry_near(record.incoming->service_hash);
  prefetch(record.incoming->bytes.data(), std::min<std::size_t>(record.incoming->bytes.size(), 512));
}

ServiceEntry& ViewTransaction::load_service(std::string_view tenant, std::string_view service) {
  // Asked for again and again within one event.
  if (entries_->last_service != nullptr && is_service_key(entries_->last_service->key, tenant, service)) {
    return *entries_->last_service;
  }
  const auto [entry, fresh] = entries_->services.load(tenant, service, service_hash(tenant, service));
  entries_->last_service = &entry;
  if (fresh) read_service(entry);
  return entry;
}

void ViewTransaction::read_service(ServiceEntry& entry) {
  const auto value = read(entry.key);
  if (!value) return;
  const auto hashed = split_hash(*value);
  auto record = hashed ? unpack<v1::ServiceRecordT>(hashed->buffer) : std::nullopt;
  if (record) {
    entry.record = std::make_unique<v1::ServiceRecordT>(*std::move(record));
    entry.outline = outline_of(entry.record.get());
    entry.stored_hash = hashed->hash;
  } else {
    const auto names = *split_service_key(entry.key);
    fail_once(store_.damaged_entry(fmt::format("the record of {}/{}", names.first, names.second)));
  }
}

void ViewTransaction::note_change(ServiceEntry& entry) {
  if (entry.changed) return;
  entry.changed = true;
  entries_->changed_services.push_back(&entry);
}

const v1::ServiceRecordT* ViewTransaction::find_service(std::string_view tenant, std::string_view service) {
  ServiceEntry& entry = load_service(tenant, service);
  settle(entry);
  return entry.record.get();
}

v1::ServiceRecordT& ViewTransaction::edit_service(std::string_view tenant, std::string_view service) {
  ServiceEntry& entry = load_service(tenant, service);
  settle(entry);
  if (!entry.record) {
    entry.record = std::make_unique<v1::ServiceRecordT>();
    entry.record->tenant = tenant;
    entry.record->service = service;
  }
  entry.edited = true;
  note_change(entry);
  return *entry.record;
}

ServiceOutline ViewTransaction::outline(std::string_view tenant, std::string_view service) {
  ServiceEntry& entry = load_service(tenant, service);
  if (entry.edited) entry.outline = outline_of(entry.record.get());
  entry.edited = false;
  return entry.outline;
}

void ViewTransaction::set_pending(const Incoming& deployed, std::uint64_t generation) {
  ServiceEntry& entry = load_service(deployed.tenant, deployed.service);
  assert(!entry.edited && entry.outline.live && !entry.outline.pending_code);
  entry.event = entries_->events.copy(deployed.bytes, entry.event);
  entry.outline.addressed = generation;
  note_change(entry);
}

ViewTransaction::TenantEntry& ViewTransaction::load_tenant(std::string_view tenant) {
  if (entries_->last_tenant != nullptr && std::string_view(*entries_->last_tenant->key).substr(1) == tenant) {
    return *entries_->last_tenant;
  }
  std::string& key = entries_->key;
  key = text_key(View::tenant, tenant);
  const auto [at, fresh] = entries_->tenants.try_emplace(key);
  TenantEntry& entry = at->second;
  entries_->last_tenant = &entry;
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

std::optional<RecordedOutcome> ViewTransaction::find_outcome(const OutcomeName& name) {
  auto found = outcomes_.find_in_batch(name);
  if (found) return *std::move(found);
  fail_once(std::move(found.error()));
  return std::nullopt;
}

void ViewTransaction::add_outcome(const NewOutcome& outcome, std::uint64_t hash) {
  outcomes_.add(outcome, hash, entries_->batch);
}

void ViewTransaction::add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) {
  entries_->batch.Put(offset_key(View::dead_letter, offset), slice_of(packer_.pack(letter)));
}

void ViewTransaction::set_recovery(v1::RecoveryRecordT recovery) {
  entries_->batch.Put(prefix_key(View::recovery), slice_of(packer_.pack(recovery)));
}

void ViewTransaction::set_verification(v1::VerificationRecordT verification) {
  entries_->batch.Put(prefix_key(View::verification), slice_of(packer_.pack(verification)));
}

void ViewTransaction::put_domain(const std::string& key, std::string_view buffer, Hash128& stored_hash) {
  DomainWriter{entries_->batch, digest_}.put(key, buffer, stored_hash);
}

void ViewTransaction::write_services() {
  entries_->changed_names.clear();
  // Neighbours in turn: the memtable finds the next one's place from the last one's.
  const std::vector<ServiceEntry*> ordered = in_key_order(entries_->changed_services);
  for (std::size_t at = 0; at < ordered.size(); ++at) {
    if (at + 2 * kAhead < ordered.size()) prefetch(ordered[at + 2 * kAhead], sizeof(ServiceEntry));
    if (at + kAhead < ordered.size()) bring_parts_near(*ordered[at + kAhead]);
    ServiceEntry* entry = ordered[at];
    settle(*entry);
    put_domain(entry->key, packer_.pack(*entry->record), entry->stored_hash);
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
  tokens_.write({entries_->batch, digest_}, packer_);
  outcomes_.write(entries_->batch);
  write_rest(marks);
  Result<void> written = failure_ ? Result<void>(schemas::fail(*failure_)) : store_.write(entries_->batch);
  if (!written) {
    abandon();
    return written;
  }
  outcomes_.committed();
  token_changes_ = tokens_.committed();
  entries_->changed_services.clear();
  entries_->changed_tenants.clear();
  entries_->changed_code.clear();
  clear_batch();
  entries_->events.clear();
  entries_->last_service = nullptr;
  entries_->last_tenant = nullptr;
  if (entries_->services.size() > kKeptEntries) entries_->services.clear();
  keep_within_bound(entries_->tenants);
  keep_within_bound(entries_->code);
  return {};
}

void ViewTransaction::clear_batch() {
  const bool large = entries_->batch.GetDataSize() > kLargeBatch;
  if (entries_->after_large && !large) {
    entries_->batch = rocksdb::WriteBatch(kBatchReserve);
  } else {
    entries_->batch.Clear();
  }
  entries_->after_large = large;
}

std::vector<schemas::ServiceKey> ViewTransaction::take_changed_services() {
  return std::exchange(entries_->changed_names, {});
}

}  // namespace solo::projections
