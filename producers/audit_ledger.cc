#include "producers/audit_ledger.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace solo::producers {
namespace {

constexpr std::int64_t kMinute = 60'000'000;

bool is_strangers(v1::DenialReason reason) {
  return reason == v1::DenialReason::missing || reason == v1::DenialReason::malformed ||
         reason == v1::DenialReason::unknown;
}

std::int64_t minute_of(std::int64_t time_us) { return time_us - time_us % kMinute; }

}  // namespace

void AuditLedger::add(const TokenCheck& check, std::string_view peer, std::int64_t now_us) {
  if (check.reason != v1::DenialReason::unspecified) return add_denied(check, peer, now_us);
  // Without a token nothing was verified.
  if (!check.accessor.empty()) add_verified(check, now_us);
}

void AuditLedger::add_verified(const TokenCheck& check, std::int64_t now_us) {
  auto& counts = taken_.minutes_[minute_of(now_us)];
  looked_for_.accessor.assign(check.accessor);
  looked_for_.tenant.assign(check.tenant);
  looked_for_.permission = check.permission;
  if (const auto found = counts.find(looked_for_); found != counts.end()) {
    ++found->second;
  } else if (counters_ < limits_.max_counters) {
    counts.emplace(looked_for_, 1);
    ++counters_;
  } else {
    ++dropped_;
  }
}

bool AuditLedger::take_room(const TokenCheck& check) {
  if (is_strangers(check.reason)) {
    if (strangers_ >= limits_.max_strangers) return false;
    ++strangers_;
    return true;
  }
  if (known_ >= limits_.max_denials) return false;
  std::size_t& of_owner = known_of_[std::string(check.owner)];
  if (of_owner >= limits_.max_denials_per_tenant) return false;
  ++of_owner;
  ++known_;
  return true;
}

void AuditLedger::add_denied(const TokenCheck& check, std::string_view peer, std::int64_t now_us) {
  auto& denials = taken_.denials_;
  Taken::DenialKey key{check.reason, {}, std::string(check.tenant), {}};
  if (is_strangers(check.reason)) {
    key.peer = peer;
  } else {
    key.accessor = check.accessor;
  }
  auto found = denials.find(key);
  if (found == denials.end() && !take_room(check)) {
    // There are few reasons: these records are always allowed.
    key = {check.reason, {}, {}, {}};
    found = denials.find(key);
    ++blurred_;
  }
  const bool is_new = found == denials.end();
  auto& denial = is_new ? denials[key] : found->second;
  const std::uint64_t before = is_new ? 0 : denial.last.suppressed + 1;
  denial.last.reason = check.reason;
  denial.last.accessor = key.accessor;
  denial.last.permission = check.permission;
  denial.last.command = check.command;
  denial.last.peer = peer;
  denial.last.suppressed = before;
  denial.time = now_us;
}

AuditLedger::Taken AuditLedger::take(std::int64_t now_us, bool unfinished) {
  Taken taken;
  taken.denials_.swap(taken_.denials_);
  strangers_ = known_ = 0;
  known_of_.clear();
  auto& minutes = taken_.minutes_;
  const std::int64_t current = minute_of(now_us);
  for (auto it = minutes.begin(); it != minutes.end();) {
    // Any other minute is over, also one that a clock set back has left.
    if (it->first == current && !unfinished) {
      ++it;
      continue;
    }
    counters_ -= it->second.size();
    if (!it->second.empty()) taken.minutes_.emplace(it->first, std::move(it->second));
    it = minutes.erase(it);
  }
  return taken;
}

std::vector<v1::EventT> AuditLedger::Taken::events() const {
  std::vector<v1::EventT> events;
  for (const auto& [minute, counts] : minutes_) {
    const std::size_t first = events.size();
    for (const auto& [key, count] : counts) {
      v1::CapabilityVerifiedT verified;
      verified.accessor = key.accessor;
      verified.permission = key.permission;
      verified.count = count;
      verified.since = minute;
      events.emplace_back().payload.Set(std::move(verified));
      events.back().time = minute + kMinute;
      events.back().tenant = key.tenant;
    }
    std::sort(events.begin() + static_cast<std::ptrdiff_t>(first), events.end(), [](const auto& a, const auto& b) {
      const auto& one = *a.payload.AsCapabilityVerified();
      const auto& other = *b.payload.AsCapabilityVerified();
      return std::tie(one.accessor, a.tenant, one.permission) < std::tie(other.accessor, b.tenant, other.permission);
    });
  }
  for (const auto& [key, denial] : denials_) {
    events.emplace_back().payload.Set(v1::CapabilityDeniedT(denial.last));
    events.back().time = denial.time;
    events.back().tenant = key.tenant;
  }
  return events;
}

}  // namespace solo::producers
