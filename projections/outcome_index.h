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

#include "projections/large_pages.h"
#include "projections/prefetch.h"

namespace solo::projections {

struct OutcomeEntry {
  std::uint64_t hash = 0;
  /// The offset of the first outcome of its page.
  std::int64_t page = 0;
  bool operator==(const OutcomeEntry&) const = default;
};

class OutcomeIndex {
 public:
  /// The same pair twice is one.
  void insert(OutcomeEntry entry);
  void erase(OutcomeEntry entry);
  /// The pages of this hash, each once, in no particular order; seldom one of another hash, too.
  void find(std::uint64_t hash, std::vector<std::int64_t>& pages) const;
  /// Has what find() and insert() will look at brought near, without waiting for it.
  void bring_near(std::uint64_t hash) const {
    if (!slots_.empty()) prefetch(&slots_[home_of(hash)]);
  }
  std::size_t size() const { return size_; }

 private:
  // A slot is the upper bits of the hash and below them the page's number; 0: free.
  static constexpr unsigned kNumberBits = 28;
  static constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kNumberBits) - 1;

  std::size_t home_of(std::uint64_t hash) const { return hash >> shift_; }
  std::size_t after(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  std::int64_t page_at(std::size_t at) const { return pages_[(slots_[at] & kNumberMask) - 1]; }
  static bool same_hash(std::uint64_t slot, std::uint64_t hash) { return (slot ^ hash) >> kNumberBits == 0; }
  std::uint64_t number_of(std::int64_t page);
  void put(std::uint64_t slot);
  void grow();

  // Open addressing with linear probing, from where the hash's first bits say; a power of two of slots, at most half of
  // them taken, so that a look seldom leaves its cache line.
  std::vector<std::uint64_t, LargePages<std::uint64_t>> slots_;
  unsigned shift_ = 0;
  std::size_t size_ = 0;
  /// By their numbers, which begin at 1.
  std::vector<std::int64_t> pages_;
};

/// Pairs per stored entry of the index.
inline constexpr std::size_t kIndexEntries = 1024;

/// 16 bytes for each pair: hash, then page, little-endian.
/// They stay where they are.
std::string_view encode_index(const std::vector<OutcomeEntry>& entries);
/// Calls `each` for every pair. false: it is damaged.
bool decode_index(std::string_view bytes, const std::function<void(OutcomeEntry)>& each);

}  // namespace solo::projections
