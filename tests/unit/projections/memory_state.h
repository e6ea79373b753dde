// The state apply works on, in ordered maps: for tests of the rules, and as the model the view store is compared with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "projections/state.h"
#include "schemas/fingerprint.h"

namespace solo::testing {

class MemoryState final : public projections::PartitionState {
 public:
  using Name = std::pair<std::string, std::string>;

  const std::optional<schemas::Error>& failure() const override { return failure_; }
  v1::PartitionMetaT& meta() override { return meta_; }
  const v1::ServiceRecordT* find_service(std::string_view tenant, std::string_view service) override;
  v1::ServiceRecordT& edit_service(std::string_view tenant, std::string_view service) override;
  const v1::TenantRecordT& tenant(std::string_view tenant) override { return tenants[std::string(tenant)]; }
  v1::TenantRecordT& edit_tenant(std::string_view tenant) override { return tenants[std::string(tenant)]; }
  std::uint64_t code_references(std::string_view digest) override;
  void put_code(std::string_view digest, std::string text) override;
  void set_code_references(std::string_view digest, std::uint64_t count) override;
  void erase_code(std::string_view digest) override;
  std::optional<projections::RecordedOutcome> find_outcome(std::string_view tenant, std::string_view source,
                                                           std::string_view id) override;
  void add_outcome(v1::OutcomeRecordT outcome) override;
  void add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) override;
  void set_recovery(v1::RecoveryRecordT recovered) override { recovery = std::move(recovered); }

  /// Of all entries, computed anew.
  schemas::Hash128 digest() const;

  struct Code {
    std::string text;
    std::uint64_t references = 0;
    bool operator==(const Code&) const = default;
  };
  std::map<Name, v1::ServiceRecordT> services;
  std::map<std::string, v1::TenantRecordT, std::less<>> tenants;
  std::map<std::string, Code, std::less<>> code;
  std::map<std::tuple<std::string, std::string, std::string>, projections::RecordedOutcome> outcomes;
  std::map<std::int64_t, v1::DeadLetterT> dead_letters;
  std::optional<v1::RecoveryRecordT> recovery;

 private:
  std::optional<schemas::Error> failure_;
  v1::PartitionMetaT meta_;
};

}  // namespace solo::testing
