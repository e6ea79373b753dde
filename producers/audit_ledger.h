// What the audit log is going to hold of token checks, counted together. Pure: time goes in, events come out.
//
// An allowed check is counted per accessor, permission, tenant and minute, and becomes a CapabilityVerified when its
// minute is over. A denied one becomes a CapabilityDenied at the next take(); of those alike between two take() there
// is one, the last, and `suppressed` says how many more there were. So for denials the sum of 1 + suppressed is how
// often it happened.
//
// Alike are, of tokens that are known, those with one reason, accessor and tenant; of strangers (no token, no token's
// form, a token that nobody knows) those with one reason, peer and tenant: they have no name of their own, and could
// make up any number. Each kind of which there are too many ends in one record per reason without such details, and
// blurred() counts how often that was. Strangers have a limit of their own, and so has each tenant whose tokens they
// are, so that nobody can blur what is told of others.
//
// Memory is bounded: what finds no room among the counters is not recorded, and dropped() counts it.
//
// Belongs to one thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "producers/audit_port.h"
#include "schemas/schemas.h"

namespace solo::producers {

struct AuditLimits {
  /// Accessor, permission, tenant and minute, that are not taken yet.
  std::size_t max_counters = 10'000;
  // Between two take():
  /// Of strangers: reason, peer and tenant.
  std::size_t max_strangers = 100;
  /// Of the tokens of one tenant, and of all: reason, accessor and tenant.
  std::size_t max_denials_per_tenant = 100;
  std::size_t max_denials = 5'000;
};

class AuditLedger {
 public:
  explicit AuditLedger(AuditLimits limits = {}) : limits_(limits) {}

  /// `peer`: who sent it, as far as the transport tells; of denied ones.
  void add(const TokenCheck& check, std::string_view peer, std::int64_t now_us);

  /// What is to be written, moved out as it is: cheap, whatever there is.
  class Taken {
   public:
    bool empty() const { return minutes_.empty() && denials_.empty(); }
    /// The payloads, with their times and tenants (empty: none) and nothing else of the envelope.
    std::vector<v1::EventT> events() const;

   private:
    friend class AuditLedger;
    struct Key {
      std::string accessor;
      std::string tenant;
      v1::Permission permission{};
      bool operator==(const Key&) const = default;
    };
    struct KeyHash {
      std::size_t operator()(const Key& key) const {
        const std::hash<std::string> hash;
        return (hash(key.accessor) * 31 + hash(key.tenant)) * 31 + static_cast<std::size_t>(key.permission);
      }
    };
    struct Denial {
      v1::CapabilityDeniedT last;
      std::int64_t time = 0;
    };
    using Counts = std::unordered_map<Key, std::uint64_t, KeyHash>;

    /// By the minute's beginning.
    std::map<std::int64_t, Counts> minutes_;
    struct DenialKey {
      v1::DenialReason reason{};
      std::string accessor;
      std::string tenant;
      /// Of strangers.
      std::string peer;
      auto operator<=>(const DenialKey&) const = default;
    };
    std::map<DenialKey, Denial> denials_;
  };
  /// `unfinished`: the counters of the current minute, too.
  Taken take(std::int64_t now_us, bool unfinished);

  /// Records that take() would make, with the current minute's.
  std::size_t size() const { return counters_ + taken_.denials_.size(); }
  /// Checks that had no room.
  std::uint64_t dropped() const { return dropped_; }
  /// Denials that are counted in a record without details.
  std::uint64_t blurred() const { return blurred_; }

 private:
  void add_verified(const TokenCheck& check, std::int64_t now_us);
  void add_denied(const TokenCheck& check, std::string_view peer, std::int64_t now_us);
  /// Takes it, if there is some.
  bool take_room(const TokenCheck& check);

  AuditLimits limits_;
  Taken taken_;
  std::size_t counters_ = 0;
  /// Looked up for every check: keeps its buffer.
  Taken::Key looked_for_;
  std::uint64_t dropped_ = 0;
  std::uint64_t blurred_ = 0;
  // Of taken_.denials_: how many are of strangers, of known tokens, and of these by whose they are.
  std::size_t strangers_ = 0;
  std::size_t known_ = 0;
  std::unordered_map<std::string, std::size_t> known_of_;
};

}  // namespace solo::producers
