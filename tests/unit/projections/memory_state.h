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
  projections::ServiceOutline outline(std::string_view tenant, std::string_view service) override {
    return projections::outline_of(find_service(tenant, service));
  }
  void set_pending(const projections::Incoming& deployed, std::uint64_t generation) override;
  const v1::TenantRecordT& tenant(std::string_view tenant) override { return tenants[std::string(tenant)]; }
  v1::TenantRecordT& edit_tenant(std::string_view tenant) override { return tenants[std::string(tenant)]; }
  std::uint64_t code_references(std::string_view digest) override;
  void put_code(std::string_view digest, std::string text) override;
  void set_code_references(std::string_view digest, std::uint64_t count) override;
  void erase_code(std::string_view digest) override;
  const v1::TokenRecordT* find_token(std::string_view accessor) override;
  void add_token(std::string_view accessor, v1::TokenRecordT token) override {
    tokens[std::string(accessor)] = std::move(token);
  }
  v1::TokenRecordT& edit_token(std::string_view accessor) override { return tokens.at(std::string(accessor)); }
  void remove_token(std::string_view accessor) override { tokens.erase(std::string(accessor)); }
  const v1::TokenTenantT& token_tenant(std::string_view tenant) override;
  v1::TokenTenantT& edit_token_tenant(std::string_view tenant) override { return token_tenants[std::string(tenant)]; }
  std::optional<projections::RecordedOutcome> find_outcome(const projections::OutcomeName& name) override;
  void add_outcome(const projections::NewOutcome& outcome, std::uint64_t hash) override;
  void add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) override;
  void set_recovery(v1::RecoveryRecordT recovered) override { recovery = std::move(recovered); }
  void set_verification(v1::VerificationRecordT verified) override { verification = std::move(verified); }

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
  std::map<std::string, v1::TokenRecordT, std::less<>> tokens;
  std::map<std::string, v1::TokenTenantT, std::less<>> token_tenants;
  std::optional<v1::RecoveryRecordT> recovery;
  std::optional<v1::VerificationRecordT> verification;

 private:
  std::optional<schemas::Error> failure_;
  v1::PartitionMetaT meta_;
};

}  // namespace solo::testing
