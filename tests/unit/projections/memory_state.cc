#include "tests/unit/projections/memory_state.h"

#include "projections/digest.h"
#include "projections/keys.h"
#include "projections/service_state.h"
#include "projections/values.h"

namespace solo::testing {

using projections::RecordedOutcome;

const v1::ServiceRecordT* MemoryState::find_service(std::string_view tenant, std::string_view service) {
  const auto at = services.find(Name(tenant, service));
  return at == services.end() ? nullptr : &at->second;
}

v1::ServiceRecordT& MemoryState::edit_service(std::string_view tenant, std::string_view service) {
  v1::ServiceRecordT& record = services[Name(tenant, service)];
  record.tenant = tenant;
  record.service = service;
  return record;
}

void MemoryState::set_pending(const projections::Incoming& deployed, std::uint64_t generation) {
  edit_service(deployed.tenant, deployed.service).pending = projections::deployment_of(deployed.event, generation);
}

std::uint64_t MemoryState::code_references(std::string_view digest) {
  const auto at = code.find(digest);
  return at == code.end() ? 0 : at->second.references;
}

void MemoryState::put_code(std::string_view digest, std::string text) {
  code[std::string(digest)] = Code{std::move(text), 1};
}

void MemoryState::set_code_references(std::string_view digest, std::uint64_t count) {
  code[std::string(digest)].references = count;
}

void MemoryState::erase_code(std::string_view digest) { code.erase(std::string(digest)); }

const v1::TokenRecordT* MemoryState::find_token(std::string_view accessor) {
  const auto at = tokens.find(accessor);
  return at == tokens.end() ? nullptr : &at->second;
}

const v1::TokenTenantT& MemoryState::token_tenant(std::string_view tenant) {
  static const v1::TokenTenantT none;
  const auto at = token_tenants.find(tenant);
  return at == token_tenants.end() ? none : at->second;
}

std::optional<RecordedOutcome> MemoryState::find_outcome(const projections::OutcomeName& name) {
  const auto at = outcomes.find({std::string(name.tenant), std::string(name.source), std::string(name.id)});
  return at == outcomes.end() ? std::nullopt : std::optional(at->second);
}

void MemoryState::add_outcome(const projections::NewOutcome& outcome, std::uint64_t) {
  RecordedOutcome& recorded =
      outcomes[{std::string(outcome.tenant), std::string(outcome.source), std::string(outcome.id)}];
  recorded.position = {static_cast<std::int32_t>(meta_.partition), outcome.offset};
  recorded.record = projections::record_of(outcome);
}

void MemoryState::add_dead_letter(std::int64_t offset, v1::DeadLetterT letter) {
  dead_letters[offset] = std::move(letter);
}

schemas::Hash128 MemoryState::digest() const {
  projections::Packer packer;
  schemas::Hash128 sum;
  for (const auto& [name, record] : services) {
    sum += *projections::entry_hash(projections::service_key(name.first, name.second), packer.pack(record));
  }
  for (const auto& [digest, entry] : code) {
    v1::CodeRecordT text;
    text.text = entry.text;
    sum += *projections::entry_hash(projections::text_key(projections::View::code, digest), packer.pack(text));
    v1::CodeReferencesT references;
    references.count = entry.references;
    sum += *projections::entry_hash(projections::text_key(projections::View::code_references, digest),
                                    packer.pack(references));
  }
  for (const auto& [accessor, token] : tokens) {
    sum += *projections::entry_hash(projections::text_key(projections::View::token, accessor), packer.pack(token));
  }
  for (const auto& [tenant, record] : token_tenants) {
    sum +=
        *projections::entry_hash(projections::text_key(projections::View::token_tenant, tenant), packer.pack(record));
  }
  return sum;
}

}  // namespace solo::testing
