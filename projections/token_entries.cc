#include "projections/token_entries.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cassert>

#include "projections/entry_map.h"
#include "projections/keys.h"
#include "projections/store.h"

namespace solo::projections {

using schemas::Hash128;

struct TokenEntries::Token {
  const std::string* key = nullptr;
  /// Nothing: there is none.
  std::optional<v1::TokenRecordT> record;
  /// What is stored; `stored` keeps what its index entries are made of.
  Hash128 stored_hash;
  std::optional<v1::TokenRecordT> stored;
  bool changed = false;
};

struct TokenEntries::Tenant {
  const std::string* key = nullptr;
  v1::TokenTenantT record;
  Hash128 stored_hash;
  std::uint64_t stored_epoch = 0;
  bool changed = false;
};

struct TokenEntries::Held {
  EntryMap<Token> tokens;
  EntryMap<Tenant> tenants;
  // What the batch changed, each once, in the order it was first changed.
  std::vector<Token*> changed_tokens;
  std::vector<Tenant*> changed_tenants;
  TokenChanges changes;
  std::string key;
};

TokenEntries::TokenEntries(Store& store, OnFailure on_failure)
    : store_(store), on_failure_(std::move(on_failure)), held_(std::make_unique<Held>()) {}

TokenEntries::~TokenEntries() = default;

void TokenEntries::abandon() { held_ = std::make_unique<Held>(); }

std::optional<std::string> TokenEntries::read(const std::string& key) {
  auto value = store_.get(key);
  if (value) return *std::move(value);
  on_failure_(std::move(value.error()));
  return std::nullopt;
}

TokenEntries::Token& TokenEntries::load(std::string_view accessor) {
  std::string& key = held_->key;
  key = text_key(View::token, accessor);
  const auto [at, fresh] = held_->tokens.try_emplace(key);
  Token& token = at->second;
  if (!fresh) return token;
  token.key = &at->first;
  if (const auto value = read(key)) {
    const auto hashed = split_hash(*value);
    if (hashed) token.record = unpack<v1::TokenRecordT>(hashed->buffer);
    if (token.record) {
      token.stored_hash = hashed->hash;
      token.stored = token.record;
    } else {
      on_failure_(store_.damaged_entry(fmt::format("the record of token {}", accessor)));
    }
  }
  return token;
}

const v1::TokenRecordT* TokenEntries::find(std::string_view accessor) {
  const Token& token = load(accessor);
  return token.record ? &*token.record : nullptr;
}

void TokenEntries::note_change(Token& token) {
  if (token.changed) return;
  token.changed = true;
  held_->changed_tokens.push_back(&token);
}

void TokenEntries::add(std::string_view accessor, v1::TokenRecordT record) {
  Token& token = load(accessor);
  assert(!token.record);
  token.record = std::move(record);
  note_change(token);
}

v1::TokenRecordT& TokenEntries::edit(std::string_view accessor) {
  Token& token = load(accessor);
  assert(token.record);
  note_change(token);
  return *token.record;
}

void TokenEntries::remove(std::string_view accessor) {
  Token& token = load(accessor);
  token.record.reset();
  note_change(token);
}

TokenEntries::Tenant& TokenEntries::load_tenant(std::string_view name) {
  std::string& key = held_->key;
  key = text_key(View::token_tenant, name);
  const auto [at, fresh] = held_->tenants.try_emplace(key);
  Tenant& tenant = at->second;
  if (!fresh) return tenant;
  tenant.key = &at->first;
  if (const auto value = read(key)) {
    const auto hashed = split_hash(*value);
    const auto record = hashed ? unpack<v1::TokenTenantT>(hashed->buffer) : std::nullopt;
    if (record) {
      tenant.record = *record;
      tenant.stored_hash = hashed->hash;
      tenant.stored_epoch = record->epoch;
    } else {
      on_failure_(store_.damaged_entry(fmt::format("the token epoch of tenant {}", name)));
    }
  }
  return tenant;
}

const v1::TokenTenantT& TokenEntries::tenant(std::string_view name) { return load_tenant(name).record; }

v1::TokenTenantT& TokenEntries::edit_tenant(std::string_view name) {
  Tenant& tenant = load_tenant(name);
  if (!tenant.changed) {
    tenant.changed = true;
    held_->changed_tenants.push_back(&tenant);
  }
  return tenant.record;
}

void TokenEntries::write_token(Token& token, const DomainWriter& out, Packer& packer) {
  token.changed = false;
  const std::string_view accessor = std::string_view(*token.key).substr(1);
  const auto index_keys = [&](const v1::TokenRecordT& of) {
    return token_index_keys({of.tenant, of.parent, accessor}, of.expired_by);
  };
  TokenChanges& changes = held_->changes;
  // An added one may stand where one was removed in the same batch.
  const bool same = token.record && token.stored && token.record->hash == token.stored->hash &&
                    token.record->granted_at == token.stored->granted_at;
  if (token.stored && !same) {
    changes.removed.push_back(token.stored->hash);
    for (const std::string& key : index_keys(*token.stored)) out.batch.Delete(key);
  }
  if (!token.record) {
    if (token.stored) out.erase(*token.key, token.stored_hash);
  } else {
    if (!same) {
      for (const std::string& key : index_keys(*token.record)) out.batch.Put(key, {});
    } else {
      if (token.record->revoked && !token.stored->revoked) changes.revoked.push_back(token.record->hash);
      if (token.record->replaced && !token.stored->replaced) changes.replaced.push_back(token.record->hash);
    }
    out.put(*token.key, packer.pack(*token.record), token.stored_hash);
  }
  token.stored = token.record;
}

void TokenEntries::write(const DomainWriter& out, Packer& packer) {
  auto& tokens = held_->changed_tokens;
  // Neighbours in turn, as the services are.
  std::sort(tokens.begin(), tokens.end(),
            [](const Token* left, const Token* right) { return *left->key < *right->key; });
  for (Token* token : tokens) write_token(*token, out, packer);
  for (Tenant* tenant : held_->changed_tenants) {
    tenant->changed = false;
    out.put(*tenant->key, packer.pack(tenant->record), tenant->stored_hash);
    if (tenant->record.epoch != tenant->stored_epoch) {
      held_->changes.tenants.push_back({tenant->key->substr(1), tenant->record.epoch});
    }
    tenant->stored_epoch = tenant->record.epoch;
  }
}

std::size_t TokenEntries::held() const { return std::max(held_->tokens.size(), held_->tenants.size()); }

TokenChanges TokenEntries::committed() {
  held_->changed_tokens.clear();
  held_->changed_tenants.clear();
  keep_within_bound(held_->tokens);
  keep_within_bound(held_->tenants);
  return std::exchange(held_->changes, {});
}

}  // namespace solo::projections
