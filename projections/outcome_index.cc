#include "projections/outcome_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace solo::projections {
namespace {

static_assert(std::endian::native == std::endian::little, "pairs are written as they lie in memory");
static_assert(sizeof(OutcomeEntry) == 16);

constexpr std::size_t kFirstSlots = 1024;

}  // namespace

void OutcomeIndex::grow() {
  const std::size_t count = std::max(kFirstSlots, slots_.size() * 2);
  decltype(slots_) before(count);
  before.swap(slots_);
  shift_ = static_cast<unsigned>(64 - std::countr_zero(count));
  for (const std::uint64_t slot : before) {
    if (slot != 0) put(slot);
  }
}

// Where its hash's first bits say, of which a slot has enough.
void OutcomeIndex::put(std::uint64_t slot) {
  std::size_t at = home_of(slot);
  while (slots_[at] != 0) at = after(at);
  slots_[at] = slot;
}

// Entries come page by page.
std::uint64_t OutcomeIndex::number_of(std::int64_t page) {
  if (pages_.empty() || pages_.back() != page) pages_.push_back(page);
  return pages_.size();
}

void OutcomeIndex::insert(OutcomeEntry entry) {
  if ((size_ + 1) * 2 > slots_.size()) grow();
  std::size_t at = home_of(entry.hash);
  for (; slots_[at] != 0; at = after(at)) {
    if (same_hash(slots_[at], entry.hash) && page_at(at) == entry.page) return;
  }
  slots_[at] = (entry.hash & ~kNumberMask) | number_of(entry.page);
  ++size_;
}

void OutcomeIndex::erase(OutcomeEntry entry) {
  if (slots_.empty()) return;
  std::size_t at = home_of(entry.hash);
  while (slots_[at] != 0 && !(same_hash(slots_[at], entry.hash) && page_at(at) == entry.page)) at = after(at);
  if (slots_[at] == 0) return;
  // Close the gap: move back whatever would no longer be found behind it.
  std::size_t hole = at;
  for (std::size_t next = after(hole); slots_[next] != 0; next = after(next)) {
    const std::size_t distance = (next - home_of(slots_[next])) & (slots_.size() - 1);
    if (distance >= ((next - hole) & (slots_.size() - 1))) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = 0;
  --size_;
}

void OutcomeIndex::find(std::uint64_t hash, std::vector<std::int64_t>& pages) const {
  pages.clear();
  if (slots_.empty()) return;
  for (std::size_t at = home_of(hash); slots_[at] != 0; at = after(at)) {
    if (same_hash(slots_[at], hash)) pages.push_back(page_at(at));
  }
}

std::string_view encode_index(const std::vector<OutcomeEntry>& entries) {
  return {reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(OutcomeEntry)};
}

bool decode_index(std::string_view bytes, const std::function<void(OutcomeEntry)>& each) {
  if (bytes.size() % sizeof(OutcomeEntry) != 0) return false;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(OutcomeEntry)) {
    OutcomeEntry entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    if (entry.page < 0) return false;
    each(entry);
  }
  return true;
}

}  // namespace solo::projections
