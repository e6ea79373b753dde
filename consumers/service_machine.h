// The course of one service on this machine, as a state machine: what should be (from its record in the views) and what
// happened (prepared, spawned, ended, time passed) in; what to do and what to report out. No threads, no I/O, no clock:
// the time is an argument.
//
// Its rules, in short. One process of a service at a time. A pending generation is prepared while the current one runs
// on; then the current one is stopped and the pending one spawned. Only the first start of a generation fails for good.
// A service's own ends are counted against its restart limits; nothing else is.
//
// The views lag behind what the machine has done itself (its reports travel through the log), so it acts by what it
// knows, and takes from the record what others decide: generations, epochs, kills.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consumers/backoff.h"
#include "consumers/process_host.h"
#include "producers/entropy.h"
#include "schemas/spec.h"

namespace solo::v1 {
enum class RestartPolicy : std::uint8_t;
struct ServiceRecordT;
struct DeploymentT;
}  // namespace solo::v1

namespace solo::consumers {

/// One generation, as far as the machine needs to know it.
struct Target {
  std::uint64_t generation = 0;
  v1::RestartPolicy policy{};
  schemas::EffectiveLimits limits;
};

/// What the service's record asks for.
struct Wish {
  /// Desired is `run`. Without it, current and pending are empty.
  bool run = false;
  std::optional<Target> current;
  std::optional<Target> pending;
  std::uint64_t epoch = 0;
  /// The current generation has finished or failed.
  bool over = false;
  bool ever_started = false;
  /// How to stop it when it is not to run.
  std::chrono::milliseconds kill_grace{5'000};
  bool kill_force = false;
  /// Not to run: the generation that was killed, and whether the views wait to hear that it is gone.
  std::uint64_t killed_generation = 0;
  bool unsettled = false;
};

Wish wish_of(const v1::ServiceRecordT& record);

/// A process within this run of the daemon; the N of the instance's RUN-N for those it spawned itself.
using ProcessNumber = std::uint64_t;

struct StartFailure {
  std::string reason;
  std::string detail;
  /// It may go away by itself (no memory, no space).
  bool may_pass = false;
};

// What to do. Every Prepare, Spawn and Signal is answered by a call of the function named there.

/// → prepared()
struct Prepare {
  std::uint64_t generation = 0;
};
/// The answer is no longer wanted.
struct CancelPrepare {
  std::uint64_t generation = 0;
};
/// → spawned() or start_failed()
struct Spawn {
  ProcessNumber number = 0;
  std::uint64_t generation = 0;
  std::chrono::milliseconds timeout{};
};
/// To the process group; at the end → ended()
struct Signal {
  ProcessNumber number = 0;
  int signal = 0;
};

enum class Report : std::uint8_t {
  started,
  recovered,
  exited,
  crashed,
  stopped,
  deployment_failed,
  recovery_failed,
  failed
};

/// To be published, in order.
struct Observe {
  Report report = Report::started;
  std::uint64_t generation = 0;
  std::uint64_t epoch = 0;
  /// started, recovered, exited, crashed, stopped: which process.
  ProcessNumber number = 0;
  Exit end = {};
  bool adopted = false;
  /// stopped: and nothing is left of a killed service.
  bool settled = false;
  std::string reason = {};
  std::string detail = {};
};

using Action = std::variant<Prepare, CancelPrepare, Spawn, Signal, Observe>;
using Actions = std::vector<Action>;

class ServiceMachine {
 public:
  /// Both are shared by the machines of a run: where process numbers come from, and the backoffs' jitter.
  ServiceMachine(ProcessNumber& last_number, producers::Entropy& entropy)
      : last_number_(last_number), entropy_(entropy) {}

  /// The record as it is now. Until the first call nothing is wanted.
  void want(const Wish& wish, Instant now, Actions& actions);
  /// May this machine act? When not (another run owns the runtime, or the daemon is stopping), it stops what runs.
  void allow(bool allowed, Instant now, Actions& actions);

  // Before the first want() of a recovery.

  /// Its first start is reported as a recovery.
  void begin_recovery() { recovering_ = true; }
  /// A process of a former run that is to be kept.
  void adopt(ProcessNumber number, const Target& target, std::uint64_t epoch, Actions& actions);
  /// One that is not: it is stopped, and nothing is spawned until it is gone. `reported`: the views know of it.
  void add_leftover(ProcessNumber number, std::uint64_t generation, bool reported, bool at_once);
  /// One the views know of and that is gone: said when nothing else says so.
  void add_gone(ProcessNumber number, std::uint64_t generation) { gone_.emplace(number, generation); }

  /// Says anew what runs, as after a recovery: the views do not have it.
  void repeat_report(Actions& actions);

  void prepared(std::uint64_t generation, Instant now, Actions& actions);
  void prepare_failed(std::uint64_t generation, const StartFailure& failure, Instant now, Actions& actions);
  void spawned(ProcessNumber number, Instant now, Actions& actions);
  void spawn_failed(ProcessNumber number, const StartFailure& failure, Instant now, Actions& actions);
  void ended(ProcessNumber number, Exit end, Instant now, Actions& actions);
  /// Time has passed; to be called at deadline(), or at any other time.
  void tick(Instant now, Actions& actions);

  /// When it next has something to do by itself.
  std::optional<Instant> deadline() const;

  /// Nothing runs, starts or is being stopped.
  bool quiet() const { return !process_ && leftovers_.empty(); }
  bool spawning() const { return process_ && process_->state == State::spawning; }
  /// Nothing is wanted of it and nothing is left of it: it can be forgotten.
  bool is_done() const { return quiet() && !wish_.run && !recovering_; }
  /// What is under way, in a word: recover, spawn, stop, prepare, or wait (until it tries again). Empty: nothing.
  std::string_view operation() const;
  struct Holding {
    ProcessNumber number = 0;
    std::uint64_t generation = 0;
  };
  /// The process it has spawned or adopted; leftovers are none.
  std::optional<Holding> holding() const;
  /// 0: none.
  std::uint64_t pending_generation() const { return wish_.pending ? wish_.pending->generation : 0; }
  /// Its recovery is under way: neither running, nor given up for now, nor found to be unwanted.
  bool recovering() const { return recovering_; }
  /// It is not running, and tries again later because of this.
  const std::string& waiting_for() const { return retries() ? retry_.last_failure : course_.last_failure; }

 private:
  enum class State : std::uint8_t { spawning, running, stopping };
  struct Running {
    ProcessNumber number = 0;
    Target target;
    std::uint64_t epoch = 0;
    State state = State::spawning;
    /// stopping: when it is killed; nothing once it has been.
    std::optional<Instant> kill_at;
  };
  struct Leftover {
    std::uint64_t generation = 0;
    bool reported = false;
    bool at_once = false;
    bool asked = false;
    std::optional<Instant> kill_at;
  };
  enum class Verdict : std::uint8_t { none, over };
  /// What has become of the current generation since its last deploy or requested restart.
  struct Course {
    std::uint64_t generation = 0;
    std::uint64_t epoch = 0;
    Verdict verdict = Verdict::none;
    bool ever_started = false;
    RestartWindow restarts;
    std::size_t failed_starts = 0;
    std::string last_failure;
    std::set<std::string> reported_failures;
    std::optional<Instant> first_attempt;
    /// Nothing is started before.
    Instant not_before{};
  };
  /// A pending generation whose start has failed from what may pass.
  struct Retry {
    std::uint64_t generation = 0;
    std::size_t failed_starts = 0;
    std::string last_failure;
    Instant first_failure{};
    /// It is not tried again before.
    Instant not_before{};
    /// The one it replaces was stopped for it, and is not brought back in between.
    bool alone = false;
  };
  enum class Preparation : std::uint8_t { asked, ready };

  void reconcile(Instant now, Actions& actions);
  void follow_course();
  const Target* current() const;
  const Target* pending() const;
  const Target* goal() const;
  bool is_ready(std::uint64_t generation) const;
  /// It runs a replacement that was itself replaced before the record knew of its start, and the next one is being
  /// prepared: the generation that the record still calls current is not brought back in between.
  bool bridges() const;
  /// Its pending generation is tried again.
  bool retries() const;
  bool retry_pending(const Target& next, const StartFailure& failure, Instant now);
  /// Nothing is in its way but time.
  bool waits() const;
  void prepare_wanted(Instant now, Actions& actions);
  void stop_leftovers(Instant now, Actions& actions);
  void stop_process(Instant now, Actions& actions);
  void spawn(const Target& target, Instant now, Actions& actions);
  void start_failed(const Target& target, const StartFailure& failure, Instant now, Actions& actions);
  void ended_by_itself(const Running& process, Exit end, Instant now, Actions& actions);
  void report_start(const Running& process, bool adopted, Actions& actions);
  std::chrono::milliseconds grace_for(const Target& target) const;
  bool kill_at_once() const { return !wish_.run && wish_.kill_force; }
  /// Recovery ends without a start: what is gone is reported now.
  void end_recovery(Actions& actions);
  void report_stopped(ProcessNumber number, std::uint64_t generation, std::uint64_t epoch, Exit end, Actions& actions);

  ProcessNumber& last_number_;
  producers::Entropy& entropy_;
  Wish wish_;
  bool allowed_ = true;
  bool recovering_ = false;
  Course course_;
  /// A pending generation that was spawned: the record says so later.
  std::uint64_t promoted_ = 0;
  /// One that failed: the record says so later.
  std::uint64_t failed_pending_ = 0;
  Retry retry_;
  /// A killed generation that was reported gone: the record says so later.
  std::uint64_t settled_ = 0;
  std::map<std::uint64_t, Preparation> preparations_;
  std::optional<Running> process_;
  std::map<ProcessNumber, Leftover> leftovers_;
  std::map<ProcessNumber, std::uint64_t> gone_;
};

}  // namespace solo::consumers
