// What apply reads and writes: the state of one partition, behind an interface so that apply knows neither RocksDB
// nor batches. Adapters: view_transaction.h (a batch over the view store), and one in memory for tests.
//
// Not thread-safe; one batch at a time. References stay valid, and what is changed through them is kept, until the
// batch ends. Errors: reading the store can fail, and apply could do nothing about it; such an entry looks absent, the
// state remembers the failure, and whoever drives apply keeps nothing of a batch whose failure() is set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "projections/order_rules.h"
#include "projections/outcome.h"
#include "projections/record_view.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::projections {

class PartitionState {
 public:
  virtual ~PartitionState() = default;

  virtual const std::optional<schemas::Error>& failure() const = 0;

  /// The partition's own record: position, owner, rules, counters. `tail` and `digest` are not apply's to keep.
  virtual v1::PartitionMetaT& meta() = 0;

  /// nullptr: there has never been one.
  virtual const v1::ServiceRecordT* find_service(std::string_view tenant, std::string_view service) = 0;
  /// Made, with its names filled in, if there is none.
  virtual v1::ServiceRecordT& edit_service(std::string_view tenant, std::string_view service) = 0;

  /// outline_of() its record.
  virtual ServiceOutline outline(std::string_view tenant, std::string_view service) = 0;
  /// For a service that is live and has no pending deployment with a code text: what this ServiceDeployed asks for, in
  /// which there is none either, is the pending one from here on.
  virtual void set_pending(const Incoming& deployed, std::uint64_t generation) = 0;

  virtual const v1::TenantRecordT& tenant(std::string_view tenant) = 0;
  virtual v1::TenantRecordT& edit_tenant(std::string_view tenant) = 0;

  /// How many deployments hold the code text; 0: none, and then there is no text.
  virtual std::uint64_t code_references(std::string_view digest) = 0;
  /// Stores the text with one reference.
  virtual void put_code(std::string_view digest, std::string text) = 0;
  virtual void set_code_references(std::string_view digest, std::uint64_t count) = 0;
  /// Text and count.
  virtual void erase_code(std::string_view digest) = 0;

  /// By its accessor. nullptr: there is none (any more).
  virtual const v1::TokenRecordT* find_token(std::string_view accessor) = 0;
  /// There is none of this accessor.
  virtual void add_token(std::string_view accessor, v1::TokenRecordT token) = 0;
  /// There is one. Its `tenant`, `parent` and `expired_by` stay as they are.
  virtual v1::TokenRecordT& edit_token(std::string_view accessor) = 0;
  virtual void remove_token(std::string_view accessor) = 0;
  virtual const v1::TokenTenantT& token_tenant(std::string_view tenant) = 0;
  virtual v1::TokenTenantT& edit_token_tenant(std::string_view tenant) = 0;

  /// Whatever is stored, even one that counts as absent by now.
  virtual std::optional<RecordedOutcome> find_outcome(const OutcomeName& name) = 0;
  /// `hash`: its name's.
  virtual void add_outcome(const NewOutcome& outcome, std::uint64_t hash) = 0;

  virtual void add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) = 0;
  virtual void set_recovery(v1::RecoveryRecordT recovery) = 0;
  virtual void set_verification(v1::VerificationRecordT verification) = 0;
};

}  // namespace solo::projections
