#include "projections/token_index_check.h"

#include "projections/values.h"

namespace solo::projections {

namespace {

View view_of(std::string_view key) { return static_cast<View>(key.empty() ? '\0' : key.front()); }

}  // namespace

std::string_view accessor_in_index_key(std::string_view key) {
  if (view_of(key) == View::token_expiry) return accessor_of_expiry_key(key);
  const auto place = split_token_parent_key(key);
  return place ? place->accessor : std::string_view();
}

std::optional<std::vector<std::string>> index_keys_of(std::string_view token_key, std::string_view buffer) {
  const auto* token = view_table<v1::TokenRecord>(buffer);
  if (token == nullptr) return std::nullopt;
  const auto text = [](const flatbuffers::String* of) {
    return of == nullptr ? std::string_view() : of->string_view();
  };
  return token_index_keys({text(token->tenant()), text(token->parent()), token_key.substr(1)}, token->expired_by());
}

void TokenIndexSums::note_token(std::string_view key, std::string_view buffer) {
  const auto keys = index_keys_of(key, buffer);
  if (!keys) return;
  for (const std::string& index_key : *keys) expected_ += schemas::hash_bytes(index_key);
}

void TokenIndexSums::note_index_entry(std::string_view key) {
  ++entries_;
  found_ += schemas::hash_bytes(key);
}

}  // namespace solo::projections
