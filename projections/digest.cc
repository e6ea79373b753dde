#include "projections/digest.h"

#include "projections/keys.h"
#include "projections/values.h"
#include "schemas/schemas.h"

namespace solo::projections {
namespace {

template <class Table>
std::optional<schemas::Hash128> hash_of(std::string_view key, std::string_view buffer) {
  const Table* table = view_table<Table>(buffer);
  if (table == nullptr) return std::nullopt;
  return schemas::hash_fields(key, reinterpret_cast<const flatbuffers::Table*>(table), Table::MiniReflectTypeTable());
}

View view_of(std::string_view key) { return static_cast<View>(key.empty() ? '\0' : key.front()); }

}  // namespace

bool in_digest(std::string_view key) {
  const View view = view_of(key);
  return view == View::service || view == View::code || view == View::code_references;
}

std::optional<schemas::Hash128> entry_hash(std::string_view key, std::string_view buffer) {
  switch (view_of(key)) {
    case View::service:
      return hash_of<v1::ServiceRecord>(key, buffer);
    case View::code:
      return hash_of<v1::CodeRecord>(key, buffer);
    case View::code_references:
      return hash_of<v1::CodeReferences>(key, buffer);
    default:
      return std::nullopt;
  }
}

}  // namespace solo::projections
