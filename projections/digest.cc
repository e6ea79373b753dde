#include "projections/digest.h"

#include "projections/keys.h"
#include "projections/values.h"
#include "schemas/schemas.h"

namespace solo::projections {
namespace {

template <class Table>
std::optional<schemas::Hash128> hash_of(std::string_view key, std::string_view buffer, Trust trust = Trust::verify) {
  const Table* table =
      trust == Trust::packed_here ? flatbuffers::GetRoot<Table>(buffer.data()) : view_table<Table>(buffer);
  if (table == nullptr) return std::nullopt;
  return schemas::hash_fields(key, reinterpret_cast<const flatbuffers::Table*>(table), Table::MiniReflectTypeTable());
}

/// Without the message: in which words this build would say it is no matter.
std::optional<schemas::Hash128> hash_of_letter(std::string_view key, std::string_view value) {
  auto letter = unpack<v1::DeadLetterT>(value);
  if (!letter) return std::nullopt;
  letter->message.clear();
  Packer packer;
  return hash_of<v1::DeadLetter>(key, packer.pack(*letter));
}

View view_of(std::string_view key) { return static_cast<View>(key.empty() ? '\0' : key.front()); }

}  // namespace

bool in_digest(std::string_view key) {
  const View view = view_of(key);
  return view == View::service || view == View::code || view == View::code_references || view == View::token ||
         view == View::token_tenant;
}

std::optional<schemas::Hash128> entry_hash(std::string_view key, std::string_view buffer, Trust trust) {
  switch (view_of(key)) {
    case View::service:
      return hash_of<v1::ServiceRecord>(key, buffer, trust);
    case View::code:
      return hash_of<v1::CodeRecord>(key, buffer, trust);
    case View::code_references:
      return hash_of<v1::CodeReferences>(key, buffer, trust);
    case View::token:
      return hash_of<v1::TokenRecord>(key, buffer, trust);
    case View::token_tenant:
      return hash_of<v1::TokenTenant>(key, buffer, trust);
    default:
      return std::nullopt;
  }
}

std::optional<schemas::Hash128> content_hash(std::string_view key, const std::string& value) {
  switch (view_of(key)) {
    case View::tenant:
      return hash_of<v1::TenantRecord>(key, value);
    case View::dead_letter:
      return hash_of_letter(key, value);
    case View::recovery:
      return hash_of<v1::RecoveryRecord>(key, value);
    case View::verification:
      return hash_of<v1::VerificationRecord>(key, value);
    case View::token_parent:
    case View::token_expiry:
      return schemas::hash_bytes(key);
    default: {
      const auto hashed = split_hash(value);
      // On its own, so that it is aligned.
      return hashed ? entry_hash(key, std::string(hashed->buffer)) : std::nullopt;
    }
  }
}

}  // namespace solo::projections
