// The tokens' part of a view transaction: what a batch changes of them, with their indexes, and what of it those must
// hear who keep tokens in memory.
//
// Belongs to the transaction, with its rules: not thread-safe, entries are kept from one batch to the next.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "projections/domain_writer.h"
#include "projections/token_observer.h"
#include "projections/values.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

class Store;

class TokenEntries {
 public:
  using OnFailure = std::function<void(schemas::Error)>;

  /// Borrows the store.
  TokenEntries(Store& store, OnFailure on_failure);
  ~TokenEntries();
  TokenEntries(const TokenEntries&) = delete;
  TokenEntries& operator=(const TokenEntries&) = delete;

  // As state.h has them.
  const v1::TokenRecordT* find(std::string_view accessor);
  void add(std::string_view accessor, v1::TokenRecordT token);
  v1::TokenRecordT& edit(std::string_view accessor);
  void remove(std::string_view accessor);
  const v1::TokenTenantT& tenant(std::string_view tenant);
  v1::TokenTenantT& edit_tenant(std::string_view tenant);

  void write(const DomainWriter& out, Packer& packer);
  /// The batch is stored; returns what it took away.
  TokenChanges committed();
  /// How many entries are in memory.
  std::size_t held() const;
  /// Forgets everything.
  void abandon();

 private:
  struct Token;
  struct Tenant;
  struct Held;

  Token& load(std::string_view accessor);
  Tenant& load_tenant(std::string_view tenant);
  void note_change(Token& token);
  void write_token(Token& token, const DomainWriter& out, Packer& packer);
  std::optional<std::string> read(const std::string& key);

  Store& store_;
  const OnFailure on_failure_;
  std::unique_ptr<Held> held_;
};

}  // namespace solo::projections
