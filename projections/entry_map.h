// The entries that a transaction keeps from one batch to the next, by their keys in the store. Internal to projections.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace solo::projections {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Entry>
using EntryMap = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;

/// Entries kept for the next batches, at about a kilobyte each.
inline constexpr std::size_t kKeptEntries = 131'072;

template <class Entry>
void keep_within_bound(EntryMap<Entry>& entries) {
  if (entries.size() > kKeptEntries) entries.clear();
}

}  // namespace solo::projections
