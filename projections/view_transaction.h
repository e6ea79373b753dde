// The state apply works on, over a view store: what one batch of records changes, and then all of it in one write.
//
// It keeps the entries it has read or changed from one batch to the next, up to a bound: the projector is the only
// writer, so they stay true. Not thread-safe; belongs to the projector.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "projections/outcome_book.h"
#include "projections/state.h"
#include "projections/token_entries.h"
#include "projections/values.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"

namespace solo::projections {

class Store;
struct ServiceEntry;

class ViewTransaction final : public PartitionState {
 public:
  /// Borrows both.
  ViewTransaction(Store& store, OutcomeBook& outcomes);
  ~ViewTransaction() override;
  ViewTransaction(const ViewTransaction&) = delete;
  ViewTransaction& operator=(const ViewTransaction&) = delete;

  /// Starts a batch on what is stored: `meta` without its tail, with its digest.
  void begin(const v1::PartitionMetaT& meta);
  /// Writes everything that changed, `marks` and the position as one batch; meta().digest is then the new one. On an
  /// error nothing is written and the batch is abandoned.
  schemas::Result<void> commit(const std::vector<v1::RecordMarkT>& marks);
  /// What applying a record will look at, without waiting for it: first this, and a few records later the other.
  void bring_tables_near(const RecordView& record) const;
  void bring_entries_near(const RecordView& record) const;
  /// Forgets the batch.
  void abandon();
  /// It keeps as many entries as it may from one batch to the next.
  bool is_large() const;

  /// The services whose record the last committed batch changed; asked again, none.
  std::vector<schemas::ServiceKey> take_changed_services();

  /// What the last committed batch took from tokens.
  const TokenChanges& token_changes() const { return token_changes_; }

  const std::optional<schemas::Error>& failure() const override { return failure_; }
  v1::PartitionMetaT& meta() override { return meta_; }
  const v1::ServiceRecordT* find_service(std::string_view tenant, std::string_view service) override;
  v1::ServiceRecordT& edit_service(std::string_view tenant, std::string_view service) override;
  ServiceOutline outline(std::string_view tenant, std::string_view service) override;
  void set_pending(const Incoming& deployed, std::uint64_t generation) override;
  const v1::TenantRecordT& tenant(std::string_view tenant) override;
  v1::TenantRecordT& edit_tenant(std::string_view tenant) override;
  std::uint64_t code_references(std::string_view digest) override;
  void put_code(std::string_view digest, std::string text) override;
  void set_code_references(std::string_view digest, std::uint64_t count) override;
  void erase_code(std::string_view digest) override;
  const v1::TokenRecordT* find_token(std::string_view accessor) override { return tokens_.find(accessor); }
  void add_token(std::string_view accessor, v1::TokenRecordT token) override {
    tokens_.add(accessor, std::move(token));
  }
  v1::TokenRecordT& edit_token(std::string_view accessor) override { return tokens_.edit(accessor); }
  void remove_token(std::string_view accessor) override { tokens_.remove(accessor); }
  const v1::TokenTenantT& token_tenant(std::string_view tenant) override { return tokens_.tenant(tenant); }
  v1::TokenTenantT& edit_token_tenant(std::string_view tenant) override { return tokens_.edit_tenant(tenant); }
  std::optional<RecordedOutcome> find_outcome(const OutcomeName& name) override;
  void add_outcome(const NewOutcome& outcome, std::uint64_t hash) override;
  void add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) override;
  void set_recovery(v1::RecoveryRecordT recovery) override;
  void set_verification(v1::VerificationRecordT verification) override;

 private:
  struct Entries;
  struct TenantEntry;
  struct CodeEntry;

  ServiceEntry& load_service(std::string_view tenant, std::string_view service);
  void read_service(ServiceEntry& entry);
  void note_change(ServiceEntry& entry);
  TenantEntry& load_tenant(std::string_view tenant);
  CodeEntry& load_code(std::string_view digest);
  /// The stored bytes; nothing if there are none or they cannot be read.
  std::optional<std::string> read(const std::string& key);
  void fail_once(schemas::Error error);

  void write_services();
  void write_code();
  void write_tenants();
  void clear_batch();
  void write_rest(const std::vector<v1::RecordMarkT>& marks);
  void put_domain(const std::string& key, std::string_view buffer, schemas::Hash128& stored_hash);

  Store& store_;
  OutcomeBook& outcomes_;
  std::optional<schemas::Error> failure_;
  v1::PartitionMetaT meta_;
  /// Not even the genesis: views that begin need not look for each service in an empty store.
  bool nothing_stored_ = false;
  schemas::Hash128 digest_;
  std::unique_ptr<Entries> entries_;
  TokenEntries tokens_;
  TokenChanges token_changes_;
  Packer packer_;
};

}  // namespace solo::projections
