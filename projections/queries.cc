// The reading half of a partition's view.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "projections/digest.h"
#include "projections/keys.h"
#include "projections/outcome.h"
#include "projections/partition_impl.h"
#include "projections/values.h"
#include "projections/view_snapshot.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Hash128;
using schemas::Result;

constexpr std::size_t kMaxPage = 10'000;

/// The next entry's key, if `key` is the last one seen.
std::string after(std::string key) { return key + '\0'; }

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// The key at which a page starts: of the tenant, or where the former page ended.
Result<std::string> page_start(const ServiceQuery& query) {
  if (query.from.empty()) {
    return query.tenant ? service_key(query.tenant->str(), query.prefix) : prefix_key(View::service);
  }
  const std::size_t slash = query.from.find('/');
  if (slash == std::string::npos) {
    return schemas::fail(ErrorCode::invalid_argument, fmt::format("next: {} is not from a former page", query.from));
  }
  const std::string_view tenant = std::string_view(query.from).substr(0, slash);
  const std::string_view service = std::string_view(query.from).substr(slash + 1);
  if (!schemas::TenantKind::check(tenant) || !schemas::ServiceKind::check(service)) {
    return schemas::fail(ErrorCode::invalid_argument, fmt::format("next: {} is not from a former page", query.from));
  }
  return after(service_key(tenant, service));
}

std::string page_end(const ServiceQuery& query) {
  return query.tenant ? tenant_services_end(query.tenant->str()) : end_of_prefix(prefix_key(View::service));
}

}  // namespace

Result<void> PartitionView::flush() { return impl_->flusher.flush(); }

std::int32_t PartitionView::partition() const { return impl_->partition; }

std::int64_t PartitionView::next_offset() const { return impl_->next_offset.load(std::memory_order_acquire); }

std::int64_t PartitionView::flushed_offset() const { return impl_->flusher.flushed_offset(); }

std::string PartitionView::flush_trouble() const { return impl_->flusher.trouble(); }

v1::PartitionMetaT PartitionView::meta() const {
  const std::lock_guard lock(impl_->published);
  v1::PartitionMetaT meta = impl_->meta;
  for (const v1::RecordMarkT& mark : impl_->tail) meta.tail.emplace_back(mark);
  return meta;
}

Hash128 PartitionView::digest() const {
  const std::lock_guard lock(impl_->published);
  const auto& digest = impl_->meta.digest;
  return digest.size() == kHashBytes ? Hash128::from_bytes(digest.data()) : Hash128{};
}

Result<Hash128> PartitionView::recompute_digest() const {
  Hash128 sum;
  bool damaged = false;
  for (const View view : {View::service, View::code, View::code_references, View::token, View::token_tenant}) {
    const std::string first = prefix_key(view);
    auto scanned = impl_->store->scan(first, end_of_prefix(first), [&](std::string_view key, std::string_view value) {
      const auto hashed = split_hash(value);
      const auto hash = hashed ? entry_hash(key, std::string(hashed->buffer)) : std::nullopt;
      damaged = !hash;
      if (hash) sum += *hash;
      return !damaged;
    });
    if (!scanned) return schemas::fail(std::move(scanned.error()));
    if (damaged) return schemas::fail(impl_->store->damaged_entry("an entry"));
  }
  return sum;
}

Result<std::optional<v1::ServiceRecordT>> PartitionView::service(const schemas::ServiceKey& key) const {
  const auto value = impl_->store->get(service_key(key.tenant.str(), key.service.str()));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<v1::ServiceRecordT>();
  const auto hashed = split_hash(**value);
  auto record = hashed ? unpack<v1::ServiceRecordT>(hashed->buffer) : std::nullopt;
  if (!record) return schemas::fail(impl_->store->damaged_entry(fmt::format("the record of {}", to_string(key))));
  return record;
}

Result<ServicePage> PartitionView::services(const ServiceQuery& query) const {
  const auto from = page_start(query);
  if (!from) return schemas::fail(from.error());
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kMaxPage);
  ServicePage page;
  std::size_t killed_since = 0;
  bool damaged = false;
  bool more = false;
  auto scanned = impl_->store->scan(*from, page_end(query), [&](std::string_view key, std::string_view value) {
    const auto names = split_service_key(key);
    if (!names || !starts_with(names->second, query.prefix)) return !(query.tenant && names);
    const auto hashed = split_hash(value);
    const std::string buffer(hashed ? hashed->buffer : std::string_view());
    const auto* record = view_table<v1::ServiceRecord>(buffer);
    damaged = record == nullptr;
    if (damaged) return false;
    const bool killed = record->desired() == v1::Desired::stopped && !record->unsettled() &&
                        (record->instances() == nullptr || record->instances()->size() == 0);
    if (killed && !query.include_killed) {
      ++killed_since;
      return true;
    }
    more = page.services.size() == limit;
    if (more) return false;
    page.killed += std::exchange(killed_since, 0);
    record->UnPackTo(&page.services.emplace_back());
    return true;
  });
  if (!scanned) return schemas::fail(std::move(scanned.error()));
  if (damaged) return schemas::fail(impl_->store->damaged_entry("the record of a service"));
  // Those behind a page's last service are met again by the next page.
  if (!more) page.killed += killed_since;
  if (more) page.next = page.services.back().tenant + "/" + page.services.back().service;
  return page;
}

Result<std::optional<std::string>> PartitionView::code(std::string_view digest) const {
  const auto value = impl_->store->get(text_key(View::code, digest));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<std::string>();
  const auto hashed = split_hash(**value);
  auto code = hashed ? unpack<v1::CodeRecordT>(hashed->buffer) : std::nullopt;
  if (!code) return schemas::fail(impl_->store->damaged_entry(fmt::format("code {}", digest)));
  return std::optional<std::string>(std::move(code->text));
}

Result<std::optional<RecordedOutcome>> PartitionView::outcome(const schemas::TenantName& tenant,
                                                              std::string_view source, std::string_view id) const {
  auto found = impl_->outcomes.find({tenant.str(), source, id});
  if (!found || !*found) return found;
  const auto value = impl_->store->get(text_key(View::tenant, tenant.str()));
  if (!value) return schemas::fail(value.error());
  const auto counts = *value ? unpack<v1::TenantRecordT>(**value) : std::optional<v1::TenantRecordT>(std::in_place);
  if (!counts) return schemas::fail(impl_->store->damaged_entry(fmt::format("the record of tenant {}", tenant.str())));
  if (!outcome_counts((*found)->record, *counts)) return std::optional<RecordedOutcome>();
  return found;
}

Result<std::vector<v1::DeadLetterT>> PartitionView::dead_letters(std::int64_t from_offset, std::size_t limit) const {
  std::vector<v1::DeadLetterT> letters;
  bool damaged = false;
  auto scanned =
      impl_->store->scan(offset_key(View::dead_letter, std::max<std::int64_t>(from_offset, 0)),
                         end_of_prefix(prefix_key(View::dead_letter)), [&](std::string_view, std::string_view value) {
                           if (letters.size() == limit) return false;
                           auto letter = unpack<v1::DeadLetterT>(std::string(value));
                           damaged = !letter;
                           if (letter) letters.push_back(*std::move(letter));
                           return !damaged;
                         });
  if (!scanned) return schemas::fail(std::move(scanned.error()));
  if (damaged) return schemas::fail(impl_->store->damaged_entry("a dead letter"));
  return letters;
}

Result<std::optional<v1::RecoveryRecordT>> PartitionView::last_recovery() const {
  const auto value = impl_->store->get(prefix_key(View::recovery));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<v1::RecoveryRecordT>();
  auto recovery = unpack<v1::RecoveryRecordT>(**value);
  if (!recovery) return schemas::fail(impl_->store->damaged_entry("the last recovery report"));
  return recovery;
}

Result<std::optional<v1::VerificationRecordT>> PartitionView::last_verification() const {
  const auto value = impl_->store->get(prefix_key(View::verification));
  if (!value) return schemas::fail(value.error());
  if (!*value) return std::optional<v1::VerificationRecordT>();
  auto verification = unpack<v1::VerificationRecordT>(**value);
  if (!verification) return schemas::fail(impl_->store->damaged_entry("the last verification report"));
  return verification;
}

Result<std::unique_ptr<ViewSnapshot>> PartitionView::snapshot() const {
  return ViewSnapshot::take(*impl_->store, impl_->partition);
}

}  // namespace solo::projections
