#include "consumers/service_machine.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

// Attempts at a first start while what it failed from may pass.
constexpr BackoffRange kFirstStartBackoff{std::chrono::milliseconds(50), std::chrono::seconds(1)};
// Reasons of failed starts that are remembered, so that each is reported once.
constexpr std::size_t kRememberedFailures = 16;

std::optional<Target> target_of(const v1::DeploymentT* deployment) {
  if (deployment == nullptr || !deployment->spec) return std::nullopt;
  return Target{deployment->generation, deployment->spec->restart, schemas::effective_limits(*deployment->spec)};
}

bool ended_normally(Exit end) { return end == Exit{ExitKind::exited, 0}; }

}  // namespace

Wish wish_of(const v1::ServiceRecordT& record) {
  Wish wish;
  wish.run = record.desired == v1::Desired::run;
  if (wish.run) {
    wish.current = target_of(record.current.get());
    wish.pending = target_of(record.pending.get());
  }
  wish.epoch = record.restart_epoch;
  wish.over = record.phase == v1::Phase::finished || record.phase == v1::Phase::failed;
  wish.ever_started = record.ever_started;
  if (record.kill_grace_ms != 0) wish.kill_grace = std::chrono::milliseconds(record.kill_grace_ms);
  wish.kill_force = record.kill_force;
  if (!wish.run) {
    wish.killed_generation = record.current ? record.current->generation : 0;
    wish.unsettled = record.unsettled;
  }
  return wish;
}

void ServiceMachine::want(const Wish& wish, Instant now, Actions& actions) {
  wish_ = wish;
  reconcile(now, actions);
}

void ServiceMachine::allow(bool allowed, Instant now, Actions& actions) {
  allowed_ = allowed;
  reconcile(now, actions);
}

void ServiceMachine::adopt(ProcessNumber number, const Target& target, std::uint64_t epoch, Actions& actions) {
  process_ = Running{number, target, epoch, State::running, std::nullopt};
  promoted_ = target.generation;
  report_start(*process_, true, actions);
}

void ServiceMachine::add_leftover(ProcessNumber number, std::uint64_t generation, bool reported, bool at_once) {
  leftovers_.emplace(number, Leftover{generation, reported, at_once, false, std::nullopt});
}

void ServiceMachine::prepared(std::uint64_t generation, Instant now, Actions& actions) {
  const auto found = preparations_.find(generation);
  if (found == preparations_.end()) return;
  found->second = Preparation::ready;
  reconcile(now, actions);
}

void ServiceMachine::prepare_failed(std::uint64_t generation, const StartFailure& failure, Instant now,
                                    Actions& actions) {
  if (preparations_.erase(generation) == 0) return;
  for (const Target* target : {pending(), current()}) {
    if (target != nullptr && target->generation == generation) {
      start_failed(Target(*target), failure, now, actions);
      break;
    }
  }
  reconcile(now, actions);
}

void ServiceMachine::spawned(ProcessNumber number, Instant now, Actions& actions) {
  if (!process_ || process_->number != number) return;
  process_->state = State::running;
  const std::uint64_t generation = process_->target.generation;
  if (const Target* next = pending(); next != nullptr && next->generation == generation) promoted_ = generation;
  follow_course();
  if (course_.generation == generation) {
    course_.ever_started = true;
    course_.failed_starts = 0;
    course_.last_failure.clear();
    course_.reported_failures.clear();
  }
  report_start(*process_, false, actions);
  reconcile(now, actions);
}

void ServiceMachine::spawn_failed(ProcessNumber number, const StartFailure& failure, Instant now, Actions& actions) {
  if (!process_ || process_->number != number) return;
  const Target target = process_->target;
  process_.reset();
  start_failed(target, failure, now, actions);
  reconcile(now, actions);
}

void ServiceMachine::ended(ProcessNumber number, Exit end, Instant now, Actions& actions) {
  if (const auto leftover = leftovers_.find(number); leftover != leftovers_.end()) {
    const Leftover gone = leftover->second;
    leftovers_.erase(leftover);
    if (gone.reported) report_stopped(number, gone.generation, 0, end, actions);
  } else if (process_ && process_->number == number) {
    const Running process = *std::exchange(process_, std::nullopt);
    if (process.state == State::stopping) {
      report_stopped(number, process.target.generation, process.epoch, end, actions);
    } else {
      ended_by_itself(process, end, now, actions);
    }
  }
  reconcile(now, actions);
}

void ServiceMachine::tick(Instant now, Actions& actions) { reconcile(now, actions); }

std::optional<Instant> ServiceMachine::deadline() const {
  std::optional<Instant> next;
  const auto consider = [&](const std::optional<Instant>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (process_) consider(process_->kill_at);
  for (const auto& [number, leftover] : leftovers_) consider(leftover.kill_at);
  if (waits()) consider(course_.not_before);
  if (allowed_ && wish_.run && retries() && !spawning() && !preparations_.contains(retry_.generation)) {
    consider(retry_.not_before);
  }
  return next;
}

bool ServiceMachine::waits() const {
  const Target* wanted = goal();
  return wanted != nullptr && wanted == current() && !process_ && leftovers_.empty() &&
         !preparations_.contains(wanted->generation) && !(retries() && retry_.alone);
}

bool ServiceMachine::retries() const {
  const Target* next = pending();
  return next != nullptr && next->generation == retry_.generation;
}

std::string_view ServiceMachine::operation() const {
  if (recovering_) return "recover";
  if (process_ && process_->state == State::spawning) return "spawn";
  if ((process_ && process_->state == State::stopping) || !leftovers_.empty()) return "stop";
  if (!preparations_.empty()) return "prepare";
  return waits() || (retries() && !process_) ? "wait" : "";
}

std::optional<ServiceMachine::Holding> ServiceMachine::holding() const {
  if (!process_) return std::nullopt;
  return Holding{process_->number, process_->target.generation};
}

void ServiceMachine::repeat_report(Actions& actions) {
  if (!process_ || process_->state != State::running) return;
  recovering_ = true;
  report_start(*process_, true, actions);
}

void ServiceMachine::reconcile(Instant now, Actions& actions) {
  follow_course();
  stop_leftovers(now, actions);
  stop_process(now, actions);
  prepare_wanted(now, actions);
  const Target* wanted = goal();
  const bool free = !process_ && leftovers_.empty();
  if (wanted != nullptr && free && is_ready(wanted->generation)) spawn(*wanted, now, actions);
  if (wanted == nullptr && free && recovering_) end_recovery(actions);
  if (!wish_.run && wish_.unsettled && quiet() && settled_ != wish_.killed_generation) {
    report_stopped(0, wish_.killed_generation, wish_.epoch, Exit{}, actions);
  }
}

// A new generation or a requested restart begins a new course.
void ServiceMachine::follow_course() {
  const Target* target = current();
  if (target == nullptr) return;
  if (course_.generation != target->generation || course_.epoch != wish_.epoch) {
    const bool same_generation = course_.generation == target->generation;
    const bool ever_started = same_generation && course_.ever_started;
    course_ = Course{};
    course_.generation = target->generation;
    course_.epoch = wish_.epoch;
    course_.ever_started = ever_started;
  }
  if (target->generation != wish_.current->generation) return;
  course_.ever_started = course_.ever_started || wish_.ever_started;
  if (wish_.over) course_.verdict = Verdict::over;
}

const Target* ServiceMachine::current() const {
  if (wish_.pending && wish_.pending->generation == promoted_) return &*wish_.pending;
  return wish_.current ? &*wish_.current : nullptr;
}

const Target* ServiceMachine::pending() const {
  if (!wish_.pending) return nullptr;
  const std::uint64_t generation = wish_.pending->generation;
  return generation == promoted_ || generation == failed_pending_ ? nullptr : &*wish_.pending;
}

// What should be running now.
const Target* ServiceMachine::goal() const {
  if (!allowed_ || !wish_.run) return nullptr;
  if (const Target* next = pending()) {
    const bool starting =
        process_ && process_->target.generation == next->generation && process_->state == State::spawning;
    if (starting || is_ready(next->generation)) return next;
  }
  return course_.verdict == Verdict::none ? current() : nullptr;
}

bool ServiceMachine::is_ready(std::uint64_t generation) const {
  const auto found = preparations_.find(generation);
  return found != preparations_.end() && found->second == Preparation::ready;
}

bool ServiceMachine::bridges() const {
  const Target* next = pending();
  if (!process_ || next == nullptr || !wish_.current || !allowed_ || !wish_.run) return false;
  const std::uint64_t running = process_->target.generation;
  return process_->state == State::running && process_->epoch == wish_.epoch && running == promoted_ &&
         wish_.current->generation < running && running < next->generation && !is_ready(next->generation);
}

void ServiceMachine::prepare_wanted(Instant now, Actions& actions) {
  std::vector<std::uint64_t> wanted;
  if (const Target* next = pending(); next != nullptr && allowed_ && wish_.run) {
    const bool starting = process_ && process_->target.generation == next->generation;
    if (!starting && !(retries() && now < retry_.not_before)) wanted.push_back(next->generation);
  }
  const Target* target = goal();
  if (target != nullptr && target == current() && !bridges() && !(retries() && retry_.alone)) {
    const bool present = process_ && process_->target.generation == target->generation &&
                         process_->epoch == wish_.epoch && process_->state != State::stopping;
    if (!present && now >= course_.not_before) wanted.push_back(target->generation);
  }
  for (auto entry = preparations_.begin(); entry != preparations_.end();) {
    const bool keep = std::find(wanted.begin(), wanted.end(), entry->first) != wanted.end();
    if (!keep && entry->second == Preparation::asked) actions.push_back(CancelPrepare{entry->first});
    entry = keep ? std::next(entry) : preparations_.erase(entry);
  }
  for (const std::uint64_t generation : wanted) {
    if (!preparations_.emplace(generation, Preparation::asked).second) continue;
    actions.push_back(Prepare{generation});
    if (generation == course_.generation && !course_.first_attempt) course_.first_attempt = now;
  }
}

void ServiceMachine::stop_leftovers(Instant now, Actions& actions) {
  for (auto& [number, leftover] : leftovers_) {
    if (!leftover.asked && !leftover.at_once && !kill_at_once()) {
      actions.push_back(Signal{number, SIGTERM});
      leftover.kill_at = now + wish_.kill_grace;
      leftover.asked = true;
    }
    const bool due = leftover.kill_at ? *leftover.kill_at <= now || kill_at_once() : !leftover.asked;
    if (!due) continue;
    actions.push_back(Signal{number, SIGKILL});
    leftover.kill_at.reset();
    leftover.asked = true;
  }
}

void ServiceMachine::stop_process(Instant now, Actions& actions) {
  if (!process_ || process_->state == State::spawning) return;
  Running& process = *process_;
  const Target* wanted = goal();
  const bool matches =
      wanted != nullptr && wanted->generation == process.target.generation && wish_.epoch == process.epoch;
  if (process.state == State::running) {
    if (matches || bridges()) return;
    process.state = State::stopping;
    process.kill_at = now + grace_for(process.target);
    if (!kill_at_once()) actions.push_back(Signal{process.number, SIGTERM});
  }
  if (!process.kill_at) return;
  if (!wish_.run) process.kill_at = std::min(*process.kill_at, now + wish_.kill_grace);
  if (*process.kill_at > now && !kill_at_once()) return;
  actions.push_back(Signal{process.number, SIGKILL});
  process.kill_at.reset();
}

std::chrono::milliseconds ServiceMachine::grace_for(const Target& target) const {
  return wish_.run ? target.limits.shutdown_timeout : wish_.kill_grace;
}

void ServiceMachine::spawn(const Target& target, Instant now, Actions& actions) {
  process_ = Running{++last_number_, target, wish_.epoch, State::spawning, std::nullopt};
  preparations_.erase(target.generation);
  if (target.generation == course_.generation && !course_.first_attempt) course_.first_attempt = now;
  actions.push_back(Spawn{process_->number, target.generation, target.limits.startup_timeout});
}

void ServiceMachine::start_failed(const Target& target, const StartFailure& failure, Instant now, Actions& actions) {
  const std::uint64_t generation = target.generation;
  const auto report = [&](Report kind) {
    actions.push_back(Observe{kind, generation, wish_.epoch, 0, {}, false, false, failure.reason, failure.detail});
  };
  if (const Target* next = pending(); next != nullptr && next->generation == generation) {
    if (failure.may_pass && retry_pending(*next, failure, now)) return;
    failed_pending_ = generation;
    return report(Report::deployment_failed);
  }
  if (current() == nullptr || current()->generation != generation || !allowed_) return;
  ++course_.failed_starts;
  if (course_.ever_started) {
    // A failed recovery tells by itself that this generation's former instances are gone.
    std::erase_if(gone_, [&](const auto& one) { return one.second == generation; });
    end_recovery(actions);
    if (course_.reported_failures.size() >= kRememberedFailures) course_.reported_failures.clear();
    if (course_.reported_failures.insert(failure.reason).second) report(Report::recovery_failed);
    course_.not_before = now + backoff(course_.failed_starts, kStartBackoff, entropy_);
    course_.last_failure = failure.reason;
  } else if (failure.may_pass && now < course_.first_attempt.value_or(now) + target.limits.startup_timeout) {
    course_.not_before = now + backoff(course_.failed_starts, kFirstStartBackoff, entropy_);
    course_.last_failure = failure.reason;
  } else {
    end_recovery(actions);
    report(Report::deployment_failed);
    course_.verdict = Verdict::over;
  }
}

// Its start was promised: what may pass is waited for as long as it may take to start. false: it has been.
bool ServiceMachine::retry_pending(const Target& next, const StartFailure& failure, Instant now) {
  if (retry_.generation != next.generation) retry_ = Retry{next.generation, 0, {}, now, {}, false};
  if (now >= retry_.first_failure + next.limits.startup_timeout) return false;
  retry_.not_before = now + backoff(++retry_.failed_starts, kFirstStartBackoff, entropy_);
  retry_.last_failure = failure.reason;
  retry_.alone = !process_;
  return true;
}

void ServiceMachine::ended_by_itself(const Running& process, Exit end, Instant now, Actions& actions) {
  const Target& target = process.target;
  const bool normal = ended_normally(end);
  const Report report = normal ? Report::exited : Report::crashed;
  actions.push_back(Observe{report, target.generation, process.epoch, process.number, end});
  // A restart that was asked for meanwhile, or a newer generation, is owed whatever the policy says.
  if (course_.generation != target.generation || course_.epoch != process.epoch) return;
  const bool restart =
      target.policy == v1::RestartPolicy::permanent || (target.policy == v1::RestartPolicy::transient && !normal);
  if (!restart) {
    course_.verdict = Verdict::over;
  } else if (!course_.restarts.admit(now, target.limits)) {
    const std::string reason = "restarted " + std::to_string(target.limits.max_restarts) + " times within " +
                               std::to_string(target.limits.window.count()) + " s";
    actions.push_back(
        Observe{Report::failed, target.generation, process.epoch, process.number, end, false, false, reason});
    course_.verdict = Verdict::over;
  } else {
    const auto delay = backoff(course_.restarts.count(), kRestartBackoff, entropy_);
    course_.not_before = now + delay;
    course_.restarts.hold_back(delay);
  }
}

void ServiceMachine::report_start(const Running& process, bool adopted, Actions& actions) {
  const Report report = std::exchange(recovering_, false) ? Report::recovered : Report::started;
  actions.push_back(Observe{report, process.target.generation, process.epoch, process.number, {}, adopted});
  // A recovery tells by itself that the former instances are gone.
  gone_.clear();
}

void ServiceMachine::report_stopped(ProcessNumber number, std::uint64_t generation, std::uint64_t epoch, Exit end,
                                    Actions& actions) {
  const bool settled = !wish_.run && quiet() && generation == wish_.killed_generation;
  if (settled) settled_ = generation;
  actions.push_back(Observe{Report::stopped, generation, epoch, number, end, false, settled});
}

void ServiceMachine::end_recovery(Actions& actions) {
  if (!std::exchange(recovering_, false)) return;
  for (const auto& [number, generation] : gone_) actions.push_back(Observe{Report::stopped, generation, 0, number});
  gone_.clear();
}

}  // namespace solo::consumers
