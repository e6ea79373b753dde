// Who waits for a verification. What was asked for in the same words is answered by one run; of a tenant one run waits
// at a time, and only so many tenants' do, so that nobody's asking keeps others out; who asks about every tenant comes
// first. Whose time is up by the turn is not served. Pure; one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumers/backoff.h"
#include "producers/ports.h"
#include "schemas/result.h"

namespace solo::consumers {

class VerificationQueue {
 public:
  using Verified = producers::VerifierPort::Verified;
  static constexpr std::size_t kMaxTenants = 16;

  struct Waiter {
    Verified done;
    Instant deadline;
  };
  struct Run {
    producers::VerifyOrder order;
    std::vector<Waiter> waiters;
  };

  /// resource_exhausted: too many wait; `done` has not been taken.
  schemas::Result<void> add(const producers::VerifyOrder& order, Verified& done) {
    std::deque<Run>& runs = is_whole(order) ? whole_ : tenants_;
    const auto same_tenant =
        std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return run.order.tenant == order.tenant; });
    const auto same = std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return is_same(run.order, order); });
    if (same == runs.end() && !is_whole(order)) {
      if (same_tenant != runs.end()) return too_many("another verification of tenant " + order.tenant + " waits");
      if (runs.size() >= kMaxTenants) return too_many("verifications of too many tenants wait");
    }
    Run& run = same != runs.end() ? *same : runs.emplace_back(Run{order, {}});
    run.waiters.push_back({std::move(done), order.deadline});
    return {};
  }

  bool is_empty() const { return whole_.empty() && tenants_.empty(); }

  /// The next with somebody who still waits. Whose time is up is put into `late`.
  std::optional<Run> next(Instant now, std::vector<Waiter>& late) {
    for (std::deque<Run>* runs : {&whole_, &tenants_}) {
      while (!runs->empty()) {
        Run run = std::move(runs->front());
        runs->pop_front();
        const auto in_time = std::stable_partition(run.waiters.begin(), run.waiters.end(),
                                                   [&](const Waiter& waiter) { return waiter.deadline <= now; });
        std::move(run.waiters.begin(), in_time, std::back_inserter(late));
        run.waiters.erase(run.waiters.begin(), in_time);
        if (!run.waiters.empty()) return run;
      }
    }
    return std::nullopt;
  }

  /// All who wait.
  std::vector<Waiter> take_all() {
    std::vector<Waiter> all;
    next(Instant::max(), all);
    return all;
  }

 private:
  static bool is_whole(const producers::VerifyOrder& order) { return order.tenant == "*"; }
  static bool is_same(const producers::VerifyOrder& left, const producers::VerifyOrder& right) {
    return left.tenant == right.tenant && left.fix == right.fix && left.dry_run == right.dry_run &&
           left.rebuild == right.rebuild;
  }
  static schemas::Result<void> too_many(std::string message) {
    return schemas::fail(schemas::ErrorCode::resource_exhausted, std::move(message), "ask again later", true);
  }

  std::deque<Run> whole_;
  std::deque<Run> tenants_;
};

}  // namespace solo::consumers
