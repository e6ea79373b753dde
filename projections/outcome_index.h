// Where outcomes are stored: hash of (tenant, source, id) → the pages that may hold it, in memory.
//
// A hint only: two outcomes may share a hash, and a page may be in here before it is stored, so whoever asks looks at
// the page. On disk the index lies in log order, many pairs to an entry: a restart reads them as one sequential run
// and need not touch the outcomes. Not thread-safe.
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
  /// The offset of the first outcome of its page.
  std::int64_t page = 0;
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
  /// The pages of this hash, each once, in no particular order.
  void find(std::uint64_t hash, std::vector<std::int64_t>& pages) const;
  std::size_t size() const { return size_; }

 private:
  std::size_t home_of(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  void grow(std::size_t slots);

  // Open addressing with linear probing; a power of two of slots, at most 3/4 of them full.
  std::vector<OutcomeEntry> slots_;
  std::size_t size_ = 0;
};

/// Pairs per stored entry of the index.
inline constexpr std::size_t kIndexEntries = 1024;

/// 16 bytes for each pair: hash, then page, little-endian.
std::string encode_index(const OutcomeEntry* entries, std::size_t count);
/// Calls `each` for every pair. false: it is damaged.
bool decode_index(std::string_view bytes, const std::function<void(OutcomeEntry)>& each);

}  // namespace solo::projections
