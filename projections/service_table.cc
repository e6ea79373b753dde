#include "projections/service_table.h"

#include <algorithm>

#include "projections/keys.h"
#include "projections/prefetch.h"

namespace solo::projections {
namespace {

constexpr std::size_t kFirstSlots = 1024;

}  // namespace

bool is_service_key(std::string_view key, std::string_view tenant, std::string_view service) {
  return key.size() == tenant.size() + service.size() + 2 && key.ends_with(service) &&
         key.substr(1, tenant.size()) == tenant && key[1 + tenant.size()] == '\0';
}

ServiceTable::Loaded ServiceTable::load(std::string_view tenant, std::string_view service, std::uint64_t hash) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  std::size_t at = home_of(hash);
  for (; slots_[at].number != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag_of(hash)) continue;
    ServiceEntry& entry = entries_[slots_[at].number - 1];
    if (is_service_key(entry.key, tenant, service)) return {entry, false};
  }
  ServiceEntry& entry = entries_.emplace_back();
  entry.hash = hash;
  put_service_key(entry.key, tenant, service);
  slots_[at] = {tag_of(hash), static_cast<std::uint32_t>(entries_.size())};
  return {entry, true};
}

void ServiceTable::grow() {
  decltype(slots_) slots(std::max(kFirstSlots, slots_.size() * 2));
  slots.swap(slots_);
  for (const Slot& slot : slots) {
    if (slot.number == 0) continue;
    std::size_t at = home_of(entries_[slot.number - 1].hash);
    while (slots_[at].number != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

void ServiceTable::bring_slot_near(std::uint64_t hash) const {
  if (!slots_.empty()) prefetch(&slots_[home_of(hash)]);
}

void ServiceTable::bring_entry_near(std::uint64_t hash) const {
  if (slots_.empty()) return;
  for (std::size_t at = home_of(hash); slots_[at].number != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag_of(hash)) continue;
    prefetch(&entries_[slots_[at].number - 1], sizeof(ServiceEntry));
    return;
  }
}

void ServiceTable::clear() {
  slots_.clear();
  entries_.clear();
}

}  // namespace solo::projections
