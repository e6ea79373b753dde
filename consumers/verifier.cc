#include "consumers/verifier.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "consumers/runtime_events.h"
#include "consumers/verifier_impl.h"
#include "producers/signals.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

/// So many intervals without a comparison, and this, are too long.
constexpr int kOverdueIntervals = 3;
constexpr std::chrono::seconds kOverdue{10};
/// Commands come first.
constexpr int kNice = 10;

schemas::Error is_stopping() { return {ErrorCode::unavailable, "the daemon is stopping", {}, true}; }

schemas::TenantName system_tenant() { return schemas::TenantName::trusted(std::string(schemas::kSystemTenant)); }

/// What a report says, but for when, how long and how much, and the numbers of processes. Of what became of a
/// difference: `mended`, `not mended`, `left alone`, `left alone for now`, ...; the rest is detail.
std::string gist_of(const v1::VerificationReportT& report) {
  std::string gist = fmt::format("{} {}", static_cast<int>(report.status), report.inconsistencies_found);
  for (const auto& one : report.inconsistencies) {
    gist += fmt::format("\n{} {}/{} {} {} {} {}", one->code, one->tenant, one->service, one->generation, one->instance,
                        one->repaired, one->repair.substr(0, one->repair.find_first_of(":,")));
  }
  return gist;
}

std::string first_of(const v1::VerificationReportT& report) {
  for (const auto& one : report.inconsistencies) {
    if (one->repaired) continue;
    const std::string subject = one->service.empty() ? "" : fmt::format(" {}/{}:", one->tenant, one->service);
    return fmt::format("{}:{} {}", one->code, subject, one->found);
  }
  return {};
}

}  // namespace

Verifier::Impl::Impl(VerifierOptions options_in, VerifierParts parts_in)
    : options(std::move(options_in)),
      parts(std::move(parts_in)),
      mailbox(std::make_shared<Mailbox>()),
      own_budget(options.limits),
      asked_budget(options.limits) {
  health.detail = "none yet in this run";
}

bool Verifier::Impl::stopping() const {
  const std::lock_guard lock(mailbox->mutex);
  return mailbox->stopping;
}

bool Verifier::Impl::sleep_until(Instant when) {
  std::unique_lock lock(mailbox->mutex);
  return !mailbox->changed.wait_until(lock, when, [&] { return mailbox->stopping; });
}

void Verifier::Impl::run() {
  producers::block_signals();
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
  {
    std::unique_lock lock(mailbox->mutex);
    mailbox->changed.wait(lock, [&] { return mailbox->stopping || mailbox->started; });
  }
  if (options.interval.count() > 0) due = std::chrono::steady_clock::now();
  for (;;) {
    {
      std::unique_lock lock(mailbox->mutex);
      const auto wanted = [&] { return mailbox->stopping || !asked.is_empty(); };
      if (due) {
        mailbox->changed.wait_until(lock, *due, wanted);
      } else {
        mailbox->changed.wait(lock, wanted);
      }
      if (mailbox->stopping) return;
    }
    // However much is asked for, what is due comes first.
    if (due && std::chrono::steady_clock::now() >= *due) {
      verify_by_itself();
    } else {
      answer_next();
    }
  }
}

void Verifier::Impl::answer_next() {
  std::vector<VerificationQueue::Waiter> late;
  std::optional<VerificationQueue::Run> run;
  {
    const std::lock_guard lock(mailbox->mutex);
    run = asked.next(std::chrono::steady_clock::now(), late);
  }
  for (const auto& waiter : late) {
    waiter.done(schemas::fail(ErrorCode::deadline_exceeded, "its turn to be verified came too late", {}, true));
  }
  if (!run) return;
  const auto report = verify_and_publish(run->order, asked_budget);
  for (const auto& waiter : run->waiters) waiter.done(report);
}

void Verifier::Impl::answer_rest() {
  std::vector<VerificationQueue::Waiter> rest;
  {
    const std::lock_guard lock(mailbox->mutex);
    rest = asked.take_all();
  }
  for (const auto& waiter : rest) waiter.done(schemas::fail(is_stopping()));
}

void Verifier::Impl::verify_by_itself() {
  const Instant began = std::chrono::steady_clock::now();
  const auto report = verify_and_publish({.tenant = "*", .fix = options.fix}, own_budget);
  if (!report && !stopping()) spdlog::warn("log, views and machine cannot be compared: {}", report.error().message);
  const Instant ended = std::chrono::steady_clock::now();
  // What takes long leaves as much time to others.
  due = std::max(began + options.interval, ended + (ended - began));
}

Result<v1::VerificationReportT> Verifier::Impl::verify_and_publish(const producers::VerifyOrder& order,
                                                                   RepairBudget& budget) {
  auto report = verify_now(order, budget);
  announce(order, report);
  return report;
}

void Verifier::Impl::announce(const producers::VerifyOrder& order, const Result<v1::VerificationReportT>& report) {
  if (order.tenant != "*") return;
  note_outcome(report);
  if (report && !order.dry_run) tell(*report);
}

void Verifier::Impl::note_outcome(const Result<v1::VerificationReportT>& report) {
  const std::lock_guard lock(mailbox->mutex);
  trouble = report ? "" : report.error().message;
  if (!report) {
    health.detail = trouble;
    return;
  }
  compared = parts.clock.now();
  took = std::chrono::microseconds(report->duration_us);
  health.status = report->status;
  health.time = report->time;
  health.inconsistencies_found = report->inconsistencies_found - report->repaired;
  health.detail = first_of(*report);
}

void Verifier::Impl::tell(const v1::VerificationReportT& report) {
  if (!told && options.resumes) {
    const auto last = parts.views.of(system_tenant()).last_verification();
    if (last && *last && (*last)->report) told = Told{gist_of(*(*last)->report), (*last)->report->time};
  }
  const std::string gist = gist_of(report);
  const auto age = std::chrono::microseconds(told ? report.time - told->time : 0);
  if (told && gist == told->gist && age >= std::chrono::microseconds(0) && age < options.unchanged) return;
  for (const auto& one : report.inconsistencies) {
    spdlog::warn("{} does not hold{}: expected {}; found {}{}", one->code,
                 one->service.empty() ? "" : fmt::format(" for {}/{}", one->tenant, one->service), one->expected,
                 one->found, one->repair.empty() ? "" : "; " + one->repair);
  }
  told = Told{gist, report.time};
  parts.tell(report);
}

void publish_report(const projections::Views& views, ObservationPublisher& publisher,
                    const v1::VerificationReportT& report) {
  const auto owner = views.of(system_tenant()).meta().owner;
  if (!owner || owner->run != publisher.run()) return;
  v1::VerificationReportedT reported;
  reported.report = report;
  publisher.publish(system_event(std::move(reported)));
}

Verifier::Verifier(VerifierOptions options, VerifierParts parts)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(parts))) {
  // Here, and not in start(): by then services may have taken what threads there may be.
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Verifier::~Verifier() { stop(); }

void Verifier::start() {
  const std::lock_guard lock(impl_->mailbox->mutex);
  if (impl_->mailbox->stopping || impl_->mailbox->started) return;
  impl_->compared = impl_->parts.clock.now();
  impl_->mailbox->started = true;
  impl_->mailbox->changed.notify_all();
}

void Verifier::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(impl_->mailbox->mutex);
    impl_->mailbox->stopping = true;
    thread = std::move(impl_->thread);
  }
  impl_->mailbox->changed.notify_all();
  if (thread.joinable()) thread.join();
  impl_->answer_rest();
}

void Verifier::verify(const producers::VerifyOrder& order, Verified done) {
  Result<void> taken;
  {
    const std::lock_guard lock(impl_->mailbox->mutex);
    if (impl_->mailbox->stopping) {
      taken = schemas::fail(is_stopping());
    } else if (order.rebuild && order.tenant != "*") {
      taken = schemas::fail(ErrorCode::invalid_argument, "a replay compares all of the log, not one tenant's part",
                            "leave the tenant or the replay out");
    } else {
      taken = impl_->asked.add(order, done);
    }
  }
  if (!taken) return done(schemas::fail(std::move(taken.error())));
  impl_->mailbox->changed.notify_all();
}

std::string Verifier::overdue() const {
  const std::lock_guard lock(impl_->mailbox->mutex);
  if (!impl_->compared || impl_->options.interval.count() == 0) return {};
  const auto age = impl_->parts.clock.now() - *impl_->compared;
  const Instant::duration pace = std::max<Instant::duration>(impl_->options.interval, impl_->took);
  if (age <= kOverdueIntervals * pace + kOverdue) return {};
  return fmt::format("nothing has been compared for {} s: {}",
                     std::chrono::duration_cast<std::chrono::seconds>(age).count(),
                     impl_->trouble.empty() ? "the verification under way has not ended" : impl_->trouble);
}

v1::VerificationHealthT Verifier::health() const {
  v1::VerificationHealthT health;
  {
    const std::lock_guard lock(impl_->mailbox->mutex);
    health = impl_->health;
  }
  if (health.time != 0) return health;
  const auto last = impl_->parts.views.of(system_tenant()).last_verification();
  if (!last || !*last || !(*last)->report) return health;
  const v1::VerificationReportT& report = *(*last)->report;
  health.detail +=
      fmt::format("; the last one before it was {}, {} differences, {} of them mended",
                  v1::EnumNameVerificationStatus(report.status), report.inconsistencies_found, report.repaired);
  return health;
}

}  // namespace solo::consumers
