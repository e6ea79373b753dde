// Where outcomes are in the log: hash of (tenant, source, id) → offsets, in memory.
//
// A hint only: two outcomes may share a hash, and an offset may be in here before its outcome is stored, so whoever
// asks looks at the stored outcome. On disk the index lies in log order, as pages of many pairs: a restart reads
// them as one sequential run and need not touch the outcomes. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::projections {

struct OutcomeEntry {
  std::uint64_t hash = 0;
  std::int64_t offset = 0;
  bool operator==(const OutcomeEntry&) const = default;
};

/// XXH3-64 (xxHash by Yann Collet) over the three, each preceded by its length.
std::uint64_t outcome_hash(std::string_view tenant, std::string_view source, std::string_view id);

class OutcomeIndex {
 public:
  void reserve(std::size_t entries);
  /// The same pair twice is one.
  void insert(OutcomeEntry entry);
  void erase(OutcomeEntry entry);
  /// The offsets of this hash, in no particular order.
  void find(std::uint64_t hash, std::vector<std::int64_t>& offsets) const;
  std::size_t size() const { return size_; }

 private:
  std::size_t home_of(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  void grow(std::size_t slots);

  // Open addressing with linear probing; a power of two of slots, at most 3/4 of them full.
  std::vector<OutcomeEntry> slots_;
  std::size_t size_ = 0;
};

/// Pairs per page.
inline constexpr std::size_t kOutcomePage = 1024;

/// 16 bytes for each pair: hash, then offset, little-endian.
std::string encode_page(const OutcomeEntry* entries, std::size_t count);
/// Calls `each` for every pair. false: the page is damaged.
bool decode_page(std::string_view page, const std::function<void(OutcomeEntry)>& each);

}  // namespace solo::projections
