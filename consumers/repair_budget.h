// How often a service may be repaired: in so many verifications within so long, then it is left alone. Pure; one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>

#include "consumers/backoff.h"
#include "schemas/ids.h"

namespace solo::consumers {

struct RepairLimits {
  /// In which a service is repaired, however much there is to mend of it.
  std::size_t verifications = 3;
  std::chrono::seconds window{600};
};

class RepairBudget {
 public:
  explicit RepairBudget(RepairLimits limits) : limits_(limits) {}

  struct Spent {
    std::size_t verifications = 0;
    std::size_t tried = 0;
    std::size_t done = 0;
  };
  /// Within the window up to now.
  Spent spent(const schemas::ServiceKey& service, Instant now) const {
    Spent sum;
    const auto found = spent_.find(service);
    if (found == spent_.end()) return sum;
    for (const Charge& charge : found->second) {
      if (now - charge.verification >= limits_.window) continue;
      ++sum.verifications;
      sum.tried += charge.tried;
      sum.done += charge.done;
    }
    return sum;
  }
  bool allows(const schemas::ServiceKey& service, Instant now) const {
    return spent(service, now).verifications < limits_.verifications;
  }

  /// A repair was tried in the verification that began then. One that was refused is none.
  void charge(const schemas::ServiceKey& service, Instant verification, bool done) {
    sweep(verification);
    auto& charges = spent_[service];
    if (charges.empty() || charges.back().verification != verification) charges.push_back({verification});
    ++charges.back().tried;
    charges.back().done += done ? 1 : 0;
  }

  const RepairLimits& limits() const { return limits_; }

 private:
  struct Charge {
    Instant verification;
    std::size_t tried = 0;
    std::size_t done = 0;
  };
  void sweep(Instant now) {
    if (now < next_sweep_) return;
    for (auto& [service, charges] : spent_) {
      while (!charges.empty() && now - charges.front().verification >= limits_.window) charges.pop_front();
    }
    std::erase_if(spent_, [](const auto& spent) { return spent.second.empty(); });
    next_sweep_ = now + limits_.window / 10;
  }

  const RepairLimits limits_;
  std::map<schemas::ServiceKey, std::deque<Charge>> spent_;
  Instant next_sweep_{};
};

}  // namespace solo::consumers
