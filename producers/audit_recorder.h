// Keeps the audit: hears of every token check, counts them together (audit_ledger.h) and writes what comes of it once a
// second.
//
// checked() takes a lock that nobody holds for longer than it takes to move a few pointers, and never waits for the
// sink. When the sink is slow or fails, records wait up to `max_pending`; beyond that they are dropped, counted and
// said in the log; so are details of denials that there is no room for. Checks of the current minute are lost with a
// process that is killed: the audit is an observation, not part of what a command promises.
//
// Threads: checked(), condition() any; one of its own writes, and nobody else touches the sink.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "producers/audit_ledger.h"
#include "producers/audit_port.h"
#include "producers/audit_sink.h"
#include "producers/clock.h"

namespace solo::producers {

struct AuditRecorderOptions {
  /// The source of its events is `/nodes/NODE/audit`, their ids are RUN-N.
  std::string node;
  std::string run;
  /// Who is at a connection, for denied checks; asked within checked().
  std::function<std::string(PeerId)> peer_name = [](PeerId) { return std::string(); };
  AuditLimits limits;
  /// Records that the sink has not taken.
  std::size_t max_pending = 20'000;
  std::chrono::milliseconds interval{1'000};
};

class AuditRecorder final : public AuditPort {
 public:
  /// Borrows the clock. Starts its thread.
  AuditRecorder(AuditRecorderOptions options, std::unique_ptr<AuditSink> sink, const Clock& clock);
  /// stop() without patience.
  ~AuditRecorder() override;
  AuditRecorder(const AuditRecorder&) = delete;
  AuditRecorder& operator=(const AuditRecorder&) = delete;

  void checked(const TokenCheck& check) override;

  struct Condition {
    /// Counted or encoded, and not written.
    std::size_t pending = 0;
    /// Of this run: checks and records that had no room.
    std::uint64_t dropped = 0;
    /// Denials of which only the reason is told, because there were too many like them at once.
    std::uint64_t blurred = 0;
    std::string trouble;
  };
  Condition condition() const;

  /// Writes what there is, the current minute's counts too, and ends the thread. false: the sink did not take all of it
  /// by the deadline. A sink that never comes back keeps the destructor waiting, not this.
  bool stop(std::chrono::steady_clock::time_point deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
