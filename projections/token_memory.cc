#include "projections/token_memory.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace solo::projections {
namespace {

using schemas::TokenHash;

constexpr std::size_t kFirstPlaces = 1024;

std::uint32_t tag_of(const TokenHash& hash) {
  std::uint32_t tag = 0;
  std::memcpy(&tag, hash.bytes.data() + 8, sizeof tag);
  return tag;
}

}  // namespace

TokenMemory::TokenMemory(std::size_t max_tokens) : max_tokens_(max_tokens), places_(kFirstPlaces) {}

std::size_t TokenMemory::home_of(const TokenHash& hash, std::int32_t partition) const {
  std::uint64_t bits = 0;
  std::memcpy(&bits, hash.bytes.data(), sizeof bits);
  return (bits + static_cast<std::uint64_t>(partition) * 0x9e3779b97f4a7c15U) & (places_.size() - 1);
}

TokenSlot TokenMemory::find(const TokenHash& hash, std::int32_t partition) {
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t at = home_of(hash, partition);; at = (at + 1) & (places_.size() - 1)) {
    const Place& place = places_[at];
    if (place.slot == kNoSlot) return kNoSlot;
    if (place.tag != tag) continue;
    TokenNode& node = nodes_[place.slot];
    if (node.partition != partition || !(node.hash == hash)) continue;
    node.used = true;
    return place.slot;
  }
}

std::size_t TokenMemory::place_of(TokenSlot slot) {
  const TokenNode& node = nodes_[slot];
  std::size_t at = home_of(node.hash, node.partition);
  while (places_[at].slot != slot) at = (at + 1) & (places_.size() - 1);
  return at;
}

void TokenMemory::put(TokenSlot slot) {
  const TokenNode& node = nodes_[slot];
  std::size_t at = home_of(node.hash, node.partition);
  while (places_[at].slot != kNoSlot) at = (at + 1) & (places_.size() - 1);
  places_[at] = {slot, tag_of(node.hash)};
}

void TokenMemory::grow() {
  const std::vector<Place> old = std::exchange(places_, std::vector<Place>(2 * places_.size()));
  for (const Place& place : old) {
    if (place.slot != kNoSlot) put(place.slot);
  }
}

TokenSlot TokenMemory::insert(const TokenHash& hash, std::int32_t partition, TokenSlot parent) {
  if (parent != kNoSlot) ++nodes_[parent].pins;
  make_room();
  if (2 * (linked_ + 1) > places_.size()) grow();
  TokenSlot slot = 0;
  if (freed_.empty()) {
    slot = static_cast<TokenSlot>(nodes_.size());
    nodes_.emplace_back();
  } else {
    slot = freed_.back();
    freed_.pop_back();
  }
  TokenNode& node = nodes_[slot];
  node.hash = hash;
  node.partition = partition;
  node.parent = parent;
  node.in_use = node.linked = node.used = true;
  ++in_use_;
  ++linked_;
  put(slot);
  return slot;
}

void TokenMemory::unlink(TokenSlot slot) {
  TokenNode& node = nodes_[slot];
  if (!node.in_use || !node.linked) return;
  std::size_t hole = place_of(slot);
  const std::size_t mask = places_.size() - 1;
  // Those behind it move up, as far as their own homes allow.
  for (std::size_t at = (hole + 1) & mask; places_[at].slot != kNoSlot; at = (at + 1) & mask) {
    const TokenNode& other = nodes_[places_[at].slot];
    const std::size_t home = home_of(other.hash, other.partition);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    places_[hole] = places_[at];
    hole = at;
  }
  places_[hole] = {};
  node.linked = false;
  --linked_;
  if (node.pins == 0) free(slot);
}

void TokenMemory::free(TokenSlot slot) {
  const TokenSlot parent = nodes_[slot].parent;
  nodes_[slot] = {};
  freed_.push_back(slot);
  --in_use_;
  if (parent == kNoSlot) return;
  TokenNode& above = nodes_[parent];
  assert(above.pins > 0);
  if (--above.pins == 0 && !above.linked) free(parent);
}

void TokenMemory::make_room() {
  if (in_use_ < max_tokens_ || nodes_.empty()) return;
  // Twice round: the first time it may have to take the marks of use away.
  for (std::size_t steps = 2 * nodes_.size(); steps > 0; --steps) {
    hand_ = (hand_ + 1) % nodes_.size();
    TokenNode& node = nodes_[hand_];
    if (!node.in_use || !node.linked || node.pins > 0) continue;
    if (!std::exchange(node.used, false)) return unlink(static_cast<TokenSlot>(hand_));
  }
}

void TokenMemory::clear() {
  nodes_.clear();
  freed_.clear();
  places_.assign(kFirstPlaces, {});
  linked_ = in_use_ = hand_ = 0;
}

}  // namespace solo::projections
