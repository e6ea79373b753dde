// Reading tokens from a partition's view.
#include <fmt/format.h>

#include <algorithm>

#include "projections/keys.h"
#include "projections/partition_impl.h"
#include "projections/values.h"
#include "schemas/token.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Result;

constexpr std::size_t kMaxPage = 10'000;

/// TENANT/PARENT/ACCESSOR, which none of the three holds a slash in.
Result<TokenPlace> parse_place(std::string_view text) {
  const std::size_t first = text.find('/');
  const std::size_t second = first == std::string_view::npos ? first : text.find('/', first + 1);
  if (second != std::string_view::npos) {
    const TokenPlace place{text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
    const bool parent = place.parent.empty() || schemas::check_accessor(place.parent).has_value();
    if (parent && schemas::TenantKind::check(place.tenant) && schemas::check_accessor(place.accessor)) return place;
  }
  return schemas::fail(ErrorCode::invalid_argument, fmt::format("next: {} is not from a former page", text));
}

struct Range {
  std::string from;
  std::string to;
};

/// Where the tokens that are asked for stand, from the page's beginning on.
Result<Range> range_of(const TokenQuery& query) {
  Range range;
  if (!query.tenant) {
    range.from = prefix_key(View::token_parent);
  } else if (!query.parent) {
    // TENANT 00: what follows it is a parent, or none.
    range.from = token_parent_key(query.tenant->str(), {}, {});
    range.from.pop_back();
  } else {
    range.from = token_parent_key(query.tenant->str(), *query.parent, {});
  }
  range.to = end_of_prefix(range.from);
  if (query.from.empty()) return range;
  const auto place = parse_place(query.from);
  if (!place) return schemas::fail(place.error());
  range.from = std::max(range.from, token_parent_key(place->tenant, place->parent, place->accessor) + '\0');
  return range;
}

}  // namespace

Result<std::optional<v1::TokenRecordT>> PartitionView::token(std::string_view accessor) const {
  const auto value = impl_->store->get(text_key(View::token, accessor));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<v1::TokenRecordT>();
  const auto hashed = split_hash(**value);
  auto record = hashed ? unpack<v1::TokenRecordT>(hashed->buffer) : std::nullopt;
  if (!record) return schemas::fail(impl_->store->damaged_entry(fmt::format("the record of token {}", accessor)));
  return record;
}

Result<v1::TokenTenantT> PartitionView::token_tenant(std::string_view tenant) const {
  const auto value = impl_->store->get(text_key(View::token_tenant, tenant));
  if (!value) return schemas::fail(value.error());
  if (!*value) return v1::TokenTenantT();
  const auto hashed = split_hash(**value);
  auto record = hashed ? unpack<v1::TokenTenantT>(hashed->buffer) : std::nullopt;
  if (!record) return schemas::fail(impl_->store->damaged_entry(fmt::format("the token epoch of tenant {}", tenant)));
  return *std::move(record);
}

Result<TokenPage> PartitionView::tokens(const TokenQuery& query) const {
  const auto range = range_of(query);
  if (!range) return schemas::fail(range.error());
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kMaxPage);
  struct Found {
    std::string accessor;
    std::string place;
  };
  std::vector<Found> found;
  bool more = false;
  auto scanned = impl_->store->scan(range->from, range->to, [&](std::string_view key, std::string_view) {
    const auto place = split_token_parent_key(key);
    if (!place) return true;
    more = found.size() == limit;
    if (more) return false;
    found.push_back(
        {std::string(place->accessor), fmt::format("{}/{}/{}", place->tenant, place->parent, place->accessor)});
    return true;
  });
  if (!scanned) return schemas::fail(std::move(scanned.error()));
  TokenPage page;
  for (const Found& token : found) {
    auto record = this->token(token.accessor);
    if (!record) return schemas::fail(std::move(record.error()));
    // Swept out since the scan.
    if (record->has_value()) page.tokens.push_back(**std::move(record));
  }
  if (more) page.next = found.back().place;
  return page;
}

Result<std::vector<v1::TokenRecordT>> PartitionView::expired_tokens(std::int64_t time, std::size_t limit) const {
  std::vector<std::string> accessors;
  // Behind every accessor.
  const std::string end = offset_key(View::token_expiry, std::max<std::int64_t>(time, 0)) + "\xff";
  auto scanned = impl_->store->scan(prefix_key(View::token_expiry), end, [&](std::string_view key, std::string_view) {
    if (accessors.size() == limit) return false;
    accessors.emplace_back(accessor_of_expiry_key(key));
    return true;
  });
  if (!scanned) return schemas::fail(std::move(scanned.error()));
  std::vector<v1::TokenRecordT> tokens;
  for (const std::string& accessor : accessors) {
    auto record = token(accessor);
    if (!record) return schemas::fail(std::move(record.error()));
    if (record->has_value() && (*record)->expired_by <= time) tokens.push_back(**std::move(record));
  }
  return tokens;
}

}  // namespace solo::projections
