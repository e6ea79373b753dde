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
#include <vector>

#include "projections/outcome_book.h"
#include "projections/state.h"
#include "projections/values.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"

namespace solo::projections {

class Store;

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
  /// Forgets the batch.
  void abandon();

  /// The services whose record the last committed batch changed.
  std::vector<schemas::ServiceKey> changed_services() const;

  const std::optional<schemas::Error>& failure() const override { return failure_; }
  v1::PartitionMetaT& meta() override { return meta_; }
  const v1::ServiceRecordT* find_service(std::string_view tenant, std::string_view service) override;
  v1::ServiceRecordT& edit_service(std::string_view tenant, std::string_view service) override;
  const v1::TenantRecordT& tenant(std::string_view tenant) override;
  v1::TenantRecordT& edit_tenant(std::string_view tenant) override;
  std::uint64_t code_references(std::string_view digest) override;
  void put_code(std::string_view digest, std::string text) override;
  void set_code_references(std::string_view digest, std::uint64_t count) override;
  void erase_code(std::string_view digest) override;
  std::optional<RecordedOutcome> find_outcome(std::string_view tenant, std::string_view source,
                                              std::string_view id) override;
  void add_outcome(v1::OutcomeRecordT outcome) override;
  void add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) override;
  void set_recovery(v1::RecoveryRecordT recovery) override;

 private:
  struct Entries;
  struct ServiceEntry;
  struct TenantEntry;
  struct CodeEntry;

  ServiceEntry& load_service(std::string_view tenant, std::string_view service);
  TenantEntry& load_tenant(std::string_view tenant);
  CodeEntry& load_code(std::string_view digest);
  /// The stored bytes; nothing if there are none or they cannot be read.
  std::optional<std::string> read(const std::string& key);
  void fail_once(schemas::Error error);

  void write_services();
  void write_code();
  void write_tenants();
  void write_rest(const std::vector<v1::RecordMarkT>& marks);
  void put_domain(const std::string& key, std::string_view buffer, schemas::Hash128& stored_hash);

  Store& store_;
  OutcomeBook& outcomes_;
  std::optional<schemas::Error> failure_;
  v1::PartitionMetaT meta_;
  schemas::Hash128 digest_;
  std::unique_ptr<Entries> entries_;
  Packer packer_;
};

}  // namespace solo::projections
