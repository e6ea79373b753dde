// The verifier's inside, shared by verifier*.cc alone.
//
//   verifier.cc              the public functions, the thread, what it publishes
//   verification.cc          one verification: checks, rounds, report
//   verification_repairs.cc  its repairs
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "consumers/repair_gate.h"
#include "consumers/repair_queue.h"
#include "consumers/verification_queue.h"
#include "consumers/verifier.h"
#include "consumers/verifier_rounds.h"
#include "schemas/schemas.h"

namespace solo::consumers {

struct Verifier::Impl {
  /// Where answers of the runtime arrive; shared with them, since they may come late.
  struct Mailbox {
    std::mutex mutex;
    std::condition_variable changed;
    bool started = false;
    bool stopping = false;
  };
  /// The views of all partitions at one moment, held until the round is complete.
  using Snapshots = std::vector<std::unique_ptr<projections::ViewSnapshot>>;

  Impl(VerifierOptions options_in, VerifierParts parts_in);

  // verifier.cc
  void run();
  void answer_next();
  void answer_rest();
  void verify_by_itself();
  schemas::Result<v1::VerificationReportT> verify_and_publish(const producers::VerifyOrder& order,
                                                              RepairBudget& budget);
  /// What a verification came to, to whoever asks and into the log.
  void announce(const producers::VerifyOrder& order, const schemas::Result<v1::VerificationReportT>& report);
  /// If it says something new.
  void tell(const v1::VerificationReportT& report);
  void note_outcome(const schemas::Result<v1::VerificationReportT>& report);
  bool stopping() const;
  /// false: it is stopping.
  bool sleep_until(Instant when);
  template <class T>
  std::optional<T> await(const std::shared_ptr<std::optional<T>>& slot, Instant deadline) {
    std::unique_lock lock(mailbox->mutex);
    mailbox->changed.wait_until(lock, deadline, [&] { return mailbox->stopping || slot->has_value(); });
    return std::exchange(*slot, std::nullopt);
  }

  // verification.cc
  schemas::Result<v1::VerificationReportT> verify_now(const producers::VerifyOrder& order, RepairBudget& budget);
  schemas::Result<void> check_views(bool rebuild, Diff& diff);
  /// What was found of everybody; counts, here and in the report, are of the tenant.
  schemas::Result<Diff> take_rounds(const std::string& tenant, v1::VerificationReportT& report);
  schemas::Result<Round> take_round();
  schemas::Result<Snapshots> take_snapshots() const;
  schemas::Result<v1::InventoryReportT> take_inventory(const schemas::Cut& cut);
  schemas::Result<void> wait_for_end_of_log();

  // verification_repairs.cc
  struct Repair {
    Finding* finding = nullptr;
    std::shared_ptr<std::optional<schemas::Result<void>>> slot;
  };
  /// One verification's; borrows the findings.
  struct Repairs {
    RepairBudget& budget;
    Instant verification;
    RepairQueue queue = {};
    std::vector<Repair> under_way = {};
    /// Instances that have been mended.
    std::set<std::pair<schemas::ServiceKey, std::string>> mended = {};
  };
  /// Empty: it is to be mended.
  std::string why_not(const producers::VerifyOrder& order, const RepairGate& gate, const RepairBudget& budget,
                      const Finding& finding) const;
  static void queue_repair(Repairs& repairs, Finding& finding);
  /// What has ended is written into its finding. true: all have.
  bool carry_out(Repairs& repairs, std::chrono::milliseconds patience);
  void begin_repair(Repairs& repairs, Finding& finding);
  bool await_any(const Repairs& repairs, Instant deadline) const;
  void end_repair(Repairs& repairs, const Repair& repair);
  bool is_gone(const v1::ProcessIdentityT& process) const;
  static void give_up(Repairs& repairs);

  const VerifierOptions options;
  const VerifierParts parts;
  const std::shared_ptr<Mailbox> mailbox;
  std::thread thread;

  // Under the mailbox's mutex.
  VerificationQueue asked;
  v1::VerificationHealthT health;
  /// When everything was last compared, or the start; how long that took.
  std::optional<Instant> compared;
  std::chrono::microseconds took{};
  /// Why it could not be compared since then.
  std::string trouble;

  // The thread's own.
  /// Of the verifications it begins by itself, and of those it is asked for.
  RepairBudget own_budget;
  RepairBudget asked_budget;
  std::optional<Instant> due;
  struct Told {
    std::string gist;
    std::int64_t time = 0;
  };
  std::optional<Told> told;
};

}  // namespace solo::consumers
