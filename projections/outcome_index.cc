#include "projections/outcome_index.h"

// As a header-only library.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace solo::projections {
namespace {

static_assert(std::endian::native == std::endian::little, "pairs are written as they lie in memory");
static_assert(sizeof(OutcomeEntry) == 16);

constexpr std::int64_t kEmpty = -1;
constexpr std::size_t kFirstSlots = 1024;

}  // namespace

std::uint64_t outcome_hash(std::string_view tenant, std::string_view source, std::string_view id) {
  std::string text;
  text.reserve(3 * sizeof(std::uint32_t) + tenant.size() + source.size() + id.size());
  for (const std::string_view part : {tenant, source, id}) {
    const auto length = static_cast<std::uint32_t>(part.size());
    text.append(reinterpret_cast<const char*>(&length), sizeof length);
    text += part;
  }
  return XXH3_64bits(text.data(), text.size());
}

void OutcomeIndex::reserve(std::size_t entries) {
  const std::size_t slots = std::bit_ceil(std::max(kFirstSlots, entries + entries / 2));
  if (slots > slots_.size()) grow(slots);
}

void OutcomeIndex::grow(std::size_t slots) {
  std::vector<OutcomeEntry> before(slots, OutcomeEntry{0, kEmpty});
  before.swap(slots_);
  size_ = 0;
  for (const OutcomeEntry& entry : before) {
    if (entry.page != kEmpty) insert(entry);
  }
}

void OutcomeIndex::insert(OutcomeEntry entry) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow(std::max(kFirstSlots, slots_.size() * 2));
  std::size_t at = home_of(entry.hash);
  while (slots_[at].page != kEmpty) {
    if (slots_[at] == entry) return;
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = entry;
  ++size_;
}

void OutcomeIndex::erase(OutcomeEntry entry) {
  if (slots_.empty()) return;
  std::size_t at = home_of(entry.hash);
  while (!(slots_[at] == entry)) {
    if (slots_[at].page == kEmpty) return;
    at = (at + 1) & (slots_.size() - 1);
  }
  // Close the gap: move back whatever would no longer be found behind it.
  std::size_t hole = at;
  for (std::size_t next = (hole + 1) & (slots_.size() - 1); slots_[next].page != kEmpty;
       next = (next + 1) & (slots_.size() - 1)) {
    const std::size_t home = home_of(slots_[next].hash);
    const std::size_t distance = (next - home) & (slots_.size() - 1);
    if (distance >= ((next - hole) & (slots_.size() - 1))) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = OutcomeEntry{0, kEmpty};
  --size_;
}

void OutcomeIndex::find(std::uint64_t hash, std::vector<std::int64_t>& pages) const {
  pages.clear();
  if (slots_.empty()) return;
  for (std::size_t at = home_of(hash); slots_[at].page != kEmpty; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].hash == hash) pages.push_back(slots_[at].page);
  }
}

std::string encode_index(const OutcomeEntry* entries, std::size_t count) {
  return std::string(reinterpret_cast<const char*>(entries), count * sizeof(OutcomeEntry));
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
