#include "producers/audit_recorder.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "producers/log_limit.h"
#include "producers/signals.h"
#include "schemas/codec.h"
#include "schemas/ids.h"

namespace solo::producers {
namespace {

constexpr std::chrono::milliseconds kLogInterval{60'000};
/// A write that takes longer is a trouble.
constexpr std::chrono::seconds kSlow{5};

}  // namespace

struct AuditRecorder::Impl {
  Impl(AuditRecorderOptions recorder_options, std::unique_ptr<AuditSink> audit_sink, const Clock& system_clock)
      : options(std::move(recorder_options)),
        sink(std::move(audit_sink)),
        clock(system_clock),
        ledger(options.limits),
        thread([this] { run(); }) {}

  void run();
  /// false: some of it is left.
  bool write(bool unfinished);
  void encode(const AuditLedger::Taken& taken);
  void complain(const std::string& trouble, std::uint64_t dropped, std::uint64_t blurred);

  const AuditRecorderOptions options;
  const std::unique_ptr<AuditSink> sink;
  const Clock& clock;

  mutable std::mutex mutex;
  std::condition_variable changed;
  AuditLedger ledger;
  bool stopping = false;
  bool ended = false;
  bool all_written = false;
  /// `waiting.size()`, for those who ask.
  std::size_t waiting_count = 0;
  std::uint64_t dropped_records = 0;
  std::string trouble;
  /// While the sink has them.
  std::optional<std::chrono::steady_clock::time_point> writing_since;

  // The thread's own.
  std::vector<std::string> waiting;
  std::uint64_t sequence = 0;
  LogLimit log_limit{kLogInterval};
  std::uint64_t told_dropped = 0;
  std::uint64_t told_blurred = 0;

  std::thread thread;
};

void AuditRecorder::Impl::run() {
  block_signals();
  bool last = false;
  while (!last) {
    {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, options.interval, [this] { return stopping; });
      last = stopping;
    }
    const bool written = write(last);
    if (last) sink->finish();
    const std::lock_guard lock(mutex);
    all_written = written && sink->condition().pending == 0;
    ended = last;
    changed.notify_all();
  }
}

bool AuditRecorder::Impl::write(bool unfinished) {
  AuditLedger::Taken taken;
  {
    const std::lock_guard lock(mutex);
    taken = ledger.take(clock.wall_us(), unfinished);
    writing_since = clock.now();
  }
  encode(taken);
  schemas::Result<void> done;
  if (waiting.empty()) {
    sink->tidy();
  } else {
    done = sink->write(waiting);
    if (done) waiting.clear();
  }
  const auto condition = sink->condition();
  std::uint64_t dropped = 0;
  std::uint64_t blurred = 0;
  std::string said;
  {
    const std::lock_guard lock(mutex);
    writing_since.reset();
    waiting_count = waiting.size();
    trouble = done ? condition.trouble : done.error().message;
    said = trouble;
    dropped = dropped_records + ledger.dropped() + condition.lost;
    blurred = ledger.blurred();
  }
  complain(said, dropped, blurred);
  return waiting.empty();
}

void AuditRecorder::Impl::encode(const AuditLedger::Taken& taken) {
  std::uint64_t dropped = 0;
  for (v1::EventT& event : taken.events()) {
    if (waiting.size() >= options.max_pending) {
      ++dropped;
      continue;
    }
    event.id = fmt::format("{}-{}", options.run, sequence++);
    event.source = fmt::format("/nodes/{}/audit", options.node);
    if (event.tenant.empty()) event.tenant = std::string(schemas::kSystemTenant);
    waiting.push_back(schemas::encode(event));
  }
  const std::lock_guard lock(mutex);
  dropped_records += dropped;
  waiting_count = waiting.size();
}

void AuditRecorder::Impl::complain(const std::string& said, std::uint64_t dropped, std::uint64_t blurred) {
  if (said.empty() && dropped == told_dropped && blurred == told_blurred) return;
  if (!log_limit.take(clock.now())) return;
  std::string lost;
  if (dropped != 0) lost += fmt::format("; {} records are lost so far", dropped);
  if (blurred != 0) lost += fmt::format("; of {} denials only the reason is told so far", blurred);
  spdlog::warn("audit: {}{}; commands go on", said.empty() ? "too much at once" : said, lost);
  told_dropped = dropped;
  told_blurred = blurred;
}

AuditRecorder::AuditRecorder(AuditRecorderOptions options, std::unique_ptr<AuditSink> sink, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sink), clock)) {}

AuditRecorder::~AuditRecorder() {
  stop(std::chrono::steady_clock::now());
  if (impl_->thread.joinable()) impl_->thread.join();
}

void AuditRecorder::checked(const TokenCheck& check) {
  const std::int64_t now = impl_->clock.wall_us();
  const bool denied = check.reason != v1::DenialReason::unspecified;
  const std::string peer = denied ? impl_->options.peer_name(check.peer) : std::string();
  const std::lock_guard lock(impl_->mutex);
  impl_->ledger.add(check, peer, now);
}

AuditRecorder::Condition AuditRecorder::condition() const {
  const auto below = impl_->sink->condition();
  const std::lock_guard lock(impl_->mutex);
  Condition condition{.pending = impl_->ledger.size() + impl_->waiting_count + below.pending,
                      .dropped = impl_->ledger.dropped() + impl_->dropped_records + below.lost,
                      .blurred = impl_->ledger.blurred(),
                      .trouble = impl_->trouble};
  const auto now = impl_->clock.now();
  if (impl_->writing_since && now - *impl_->writing_since > kSlow) {
    condition.trouble =
        fmt::format("a write has not ended for {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(now - *impl_->writing_since).count());
  }
  return condition;
}

bool AuditRecorder::stop(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(impl_->mutex);
  impl_->stopping = true;
  impl_->changed.notify_all();
  if (!impl_->changed.wait_until(lock, deadline, [this] { return impl_->ended; })) return false;
  return impl_->all_written;
}

}  // namespace solo::producers
