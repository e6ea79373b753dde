// Keeps comparing what the log says, what the views hold, what the runtime believes and what runs on the machine; mends
// what is safe to mend, and reports.
//
// A verification: the views' entries, digest and position (views_check.h); rounds over views, inventory and processes
// (verifier_rounds.h); on demand a replay of the log beside the live views (replay_check.h). Then, if it is to fix, the
// repairs, each carried out by the runtime if its instance is still the one meant: those of a service one after the
// other. While the views are in doubt nothing is mended, and a service that another node runs is left to it
// (repair_gate.h). A service is mended in a few verifications in a while and no more; those it begins by itself and
// those it is asked for are counted apart.
//
// Runs at the start, every interval (less often if verifying takes longer than half of that) and on demand; what is due
// comes before what is asked for (verification_queue.h). Its report is published when it says something else than the
// last one, or hourly, and kept in the views from there. One that has to wait for repairs is published before they end,
// too.
//
// Ownership: borrows all of VerifierParts. Threads: one of its own, of low priority; every public function may be
// called from any thread. Errors of a verification: unavailable, deadline_exceeded (the runtime or the projector does
// not come so far), and what reading views or processes gives.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "consumers/observations.h"
#include "consumers/process_host.h"
#include "consumers/projector.h"
#include "consumers/repair_budget.h"
#include "producers/clock.h"
#include "producers/event_log.h"
#include "producers/ports.h"
#include "projections/views.h"

namespace solo::v1 {
struct VerificationHealthT;
struct VerificationReportT;
}  // namespace solo::v1

namespace solo::consumers {

struct VerifierOptions {
  /// Zero: only on demand.
  std::chrono::milliseconds interval{30'000};
  /// The verifications it begins by itself mend what they find.
  bool fix = true;
  RepairLimits limits{};
  /// An unchanged report is published again after this.
  std::chrono::minutes unchanged{60};
  /// The last report in the views was told by whoever verifies here, so that only what says something else is news.
  bool resumes = true;
  /// For replays; made and removed.
  std::filesystem::path scratch;
};

struct VerifierParts {
  producers::EventLog& log;
  const projections::Views& views;
  Projector& projector;
  Projector::OpenReader open_reader;
  producers::RuntimePort& runtime;
  ProcessHost& host;
  const producers::Clock& clock;
  /// Who verifies.
  std::string node;
  std::string run;
  /// Told of every report that says something new, and hourly; on the verifier's thread.
  std::function<void(const v1::VerificationReportT&)> tell;
};

/// Publishes a report as VerificationReported, if this publisher's run owns the runtime: nobody else's would count.
void publish_report(const projections::Views& views, ObservationPublisher& publisher,
                    const v1::VerificationReportT& report);

class Verifier final : public producers::VerifierPort {
 public:
  Verifier(VerifierOptions options, VerifierParts parts);
  /// stop().
  ~Verifier() override;
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// The services are back: the first verification begins.
  void start();
  /// Ends the one under way; those who wait are answered unavailable.
  void stop();

  void verify(const producers::VerifyOrder& order, Verified done) override;

  v1::VerificationHealthT health() const;

  /// Why the last comparison of everything is longer ago than three intervals and ten seconds; empty: it is not.
  std::string overdue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::consumers
