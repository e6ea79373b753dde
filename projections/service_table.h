// The services a transaction has at hand, found by name: a table of small slots, and behind each an entry that stays
// where it is. Internal to projections.
//
// What is asked of a service again and again while the log is replayed lies in two cache lines, and both the slot and
// the entry can be brought near before their turn: with 100,000 services a replay is otherwise waiting for memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "projections/large_pages.h"
#include "projections/name_hash.h"
#include "projections/order_rules.h"
#include "schemas/fingerprint.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct alignas(64) ServiceEntry {
  std::uint64_t hash = 0;
  /// In the store.
  std::string key;
  /// Of the record and what is to be made of it; stale while `edited`.
  ServiceOutline outline;
  bool changed = false;
  /// The record may have been changed since the outline was made.
  bool edited = false;
  /// The event of a deploy that is to become the pending deployment, as generation outline.addressed; empty: there is
  /// none.
  std::string_view event;
  /// nullptr: there has never been one.
  std::unique_ptr<v1::ServiceRecordT> record;
  /// Of what is stored; zero if nothing is.
  schemas::Hash128 stored_hash;
};
static_assert(sizeof(ServiceEntry) == 128);

/// Is this its key in the store?
bool is_service_key(std::string_view key, std::string_view tenant, std::string_view service);

class ServiceTable {
 public:
  struct Loaded {
    ServiceEntry& entry;
    /// It was made just now, with its key.
    bool fresh = false;
  };
  Loaded load(std::string_view tenant, std::string_view service, std::uint64_t hash);

  /// First this, and when that has come, the other: without waiting, for a service that will be asked for.
  void bring_slot_near(std::uint64_t hash) const;
  void bring_entry_near(std::uint64_t hash) const;

  std::size_t size() const { return entries_.size(); }
  void clear();

 private:
  struct Slot {
    /// The hash's upper half.
    std::uint32_t tag = 0;
    /// Of the entry, plus one; 0: free.
    std::uint32_t number = 0;
  };
  std::size_t home_of(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U); }
  void grow();

  // Open addressing with linear probing; a power of two of slots, at most half of them taken.
  std::vector<Slot, LargePages<Slot>> slots_;
  std::deque<ServiceEntry> entries_;
};

}  // namespace solo::projections
