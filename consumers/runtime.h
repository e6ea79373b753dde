// The runtime makes this machine look like the views: it starts, stops and restarts services as OS processes, and says
// what it saw in the log.
//
// Start-up: send the outbox, wait until the views have the log as it is now, claim every partition, wait for the claim,
// look for processes of this log and node, adopt those that match, stop those that must not run, start what is missing
// (all at once, each failure its own), report. It acts for a partition only while the views name this run its owner.
// Decisions are in service_machine.h, without threads or I/O; this is the thread around them.
//
// Ownership: borrows all of RuntimeParts, which must outlive it. Threads: one of its own; every public function may be
// called from any thread. Services keep running when a Runtime is destroyed without shutdown().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "consumers/observations.h"
#include "consumers/process_host.h"
#include "consumers/projector.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/event_log.h"
#include "producers/ports.h"
#include "projections/views.h"

namespace solo::consumers {

struct RuntimeOptions {
  /// STATE: holds services/TENANT/SERVICE (a service's directory, with output.log) and artifacts/.
  std::filesystem::path state;
  /// Of the daemon, for SystemStarted.
  std::string version;
  /// Claim the runtime although another node's run holds it.
  bool take_over = false;
  /// After this, counted from when the views have the claim, `ready` is called although some services are not back yet.
  std::chrono::milliseconds recovery_timeout{30'000};
  /// What compiles cxx services; `-o PROGRAM SOURCE` is added.
  std::vector<std::string> compiler{"c++", "-std=c++20", "-O2", "-pthread"};
  /// 0: one for each core.
  std::size_t max_compiles = 0;
  /// A service's output.log over this is copied to output.log.1 and truncated.
  std::uint64_t output_cap = 10 * 1024 * 1024;
  /// How often that is looked for; ten times as often while there is one.
  std::chrono::milliseconds output_check{250};
  /// Told once, on the runtime's thread, when the views cannot be read at the start: what must run is not known,
  /// nothing was stopped or started, and the process has to end.
  std::function<void(const schemas::Error&)> on_fatal;
  /// What services get when their spec's env does not say otherwise.
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string lang = "C.UTF-8";
  std::string timezone = "UTC";
};

struct RuntimeParts {
  producers::EventLog& log;
  projections::Views& views;
  Projector& projector;
  ObservationPublisher& publisher;
  ProcessHost& host;
  producers::Clock& clock;
  producers::Entropy& entropy;
};

enum class RuntimePhase : std::uint8_t {
  /// The views have not yet come to this run's claim.
  claiming,
  /// Services are being adopted, stopped and started.
  recovering,
  running,
  /// Another node's run holds the runtime: this daemon answers commands and runs nothing.
  gateway_only,
  stopping,
  stopped,
};

struct RuntimeStatus {
  RuntimePhase phase = RuntimePhase::claiming;
  /// What it waits for, in words; empty: nothing.
  std::string detail;
  std::size_t processes = 0;
  std::size_t spawns_in_flight = 0;
};

enum class ServicesAtShutdown : std::uint8_t { stop, leave };

class Runtime final : public producers::HostPort, public producers::RuntimePort {
 public:
  /// Called once, on the runtime's thread (it must not wait for the runtime): recovery has ended or timed out, or this
  /// is a gateway only.
  using Ready = std::function<void(RuntimePhase)>;

  Runtime(RuntimeOptions options, RuntimeParts parts);
  ~Runtime() override;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Begins start-up and returns. The projector must be running.
  schemas::Result<void> start(Ready ready);

  schemas::Result<producers::OutputTail> output(const schemas::ServiceKey& service, std::size_t bytes) override;

  void inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline, Inventoried done) override;
  void repair(const schemas::ServiceKey& service, const v1::RepairT& repair, Repaired done) override;

  RuntimeStatus status() const;

  /// Does its thread get round to what is asked of it within `patience`? From any thread but its own.
  bool answers(std::chrono::milliseconds patience) const;

  /// Ends the runtime: nothing new is started; with `stop` every service is stopped, all at once, each killed after its
  /// own shutdown timeout. Stopped services are reported as stopped, not as killed: the next start brings them back.
  /// Returns what could not be done by the deadline, one line each; empty: all of it. The observations it caused are
  /// published, not yet durable: close the publisher next.
  std::vector<std::string> shutdown(std::chrono::steady_clock::time_point deadline, ServicesAtShutdown services);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::consumers
