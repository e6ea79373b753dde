#include "producers/kafka_monitor.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "producers/genesis.h"
#include "producers/kafka_topic.h"
#include "producers/topic_check.h"
#include "schemas/crc32c.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kHeartbeat{1'000};
constexpr milliseconds kAnswer{1'000};
/// Between two questions while something is wrong.
constexpr milliseconds kAgain{100};
/// No answer for so long: the broker is away, and writes are refused instead of kept.
constexpr milliseconds kGrace{700};
/// Nobody has looked for so long: this process stood still, and what came meanwhile is of a topic that nobody knows.
constexpr milliseconds kStale{3'000};
/// Every so many heartbeats identity is looked at, not only the ends.
constexpr int kThorough = 5;
/// A leader that has just been elected may tell an end that is too low: it has to say so several times.
constexpr int kBelieved = 4;

constexpr const char* kWaysOn =
    "restore the topic as it was; or start solod again, which says from which position FROM on records are lost, and "
    "go "
    "on without them: solo view rebuild --accept-lost-tail FROM";

enum class Trust : std::uint8_t { yes, asking, away, lost };

struct LastDurable {
  std::int64_t offset = -1;
  std::uint32_t crc = 0;
};

Error lost_error(std::string message) { return {ErrorCode::failed_precondition, std::move(message), kWaysOn}; }

bool is_final(const Error& error) {
  return error.code == ErrorCode::failed_precondition || error.code == ErrorCode::data_loss;
}

}  // namespace

struct KafkaMonitor::Impl {
  void run();
  Result<std::vector<Bounds>> ask(bool thoroughly);
  Result<Bounds> ask_bounds(std::int32_t partition);
  Result<void> ask_identity();
  Result<void> ask_last(std::int32_t partition);
  std::int64_t known_end(std::int32_t partition) const;
  void take(std::uint64_t doubts_before, const Result<std::vector<Bounds>>& answer);
  void take_trouble(const Error& error);
  void tell_ends(const std::vector<Bounds>& found);
  bool pause();
  /// With the mutex.
  void start_asking(const std::string& what);
  void notice_standstill();

  KafkaInspector& inspector;
  const Genesis genesis;
  const Hooks hooks;

  std::mutex source_mutex;
  TailSource tail_source;
  EndListener end_listener;

  mutable std::mutex durable_mutex;
  std::vector<LastDurable> durable;
  /// Where readers came to, of each partition.
  std::vector<std::int64_t> read_to;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::vector<Bounds> bounds;
  Trust trust = Trust::yes;
  std::uint64_t doubts = 0;
  Error trouble;
  std::optional<SteadyClock::time_point> trouble_since;
  SteadyClock::time_point looked = SteadyClock::now();
  bool stopping = false;

  // The thread's own.
  int beats = 0;
  int went_back = 0;
  std::vector<std::int64_t> told_ends;
  std::thread thread;

  Impl(KafkaInspector& its_inspector, Genesis its_genesis, std::vector<Bounds> at_open, Hooks its_hooks)
      : inspector(its_inspector),
        genesis(std::move(its_genesis)),
        hooks(std::move(its_hooks)),
        durable(at_open.size()),
        read_to(at_open.size()),
        bounds(std::move(at_open)) {}
};

std::int64_t KafkaMonitor::Impl::known_end(std::int32_t partition) const {
  const auto index = static_cast<std::size_t>(partition);
  std::int64_t end = 0;
  {
    const std::lock_guard lock(durable_mutex);
    end = std::max(durable[index].offset + 1, read_to[index]);
  }
  const std::lock_guard lock(mutex);
  return std::max(end, bounds[index].end);
}

Result<Bounds> KafkaMonitor::Impl::ask_bounds(std::int32_t partition) {
  const auto known = known_end(partition);
  auto found = inspector.bounds(partition, kAnswer);
  if (!found) return found;
  if (found->first > 0) {
    return fail(lost_error(fmt::format("partition {} of topic {} begins at offset {}: its first records were deleted",
                                       partition, inspector.topic(), found->first)));
  }
  if (found->end < known) {
    const auto words =
        fmt::format("partition {} of topic {} ended at offset {} and ends at {} now: {} records are gone", partition,
                    inspector.topic(), known, found->end, known - found->end);
    if (++went_back < kBelieved) return fail(ErrorCode::unavailable, words, "", true);
    return fail(lost_error(words));
  }
  return found;
}

// The record that was acknowledged last: the views may not have it yet.
Result<void> KafkaMonitor::Impl::ask_last(std::int32_t partition) {
  LastDurable last;
  {
    const std::lock_guard lock(durable_mutex);
    last = durable[static_cast<std::size_t>(partition)];
  }
  if (last.offset < 0) return {};
  const auto records = inspector.read(partition, last.offset, last.offset + 1, kAnswer);
  if (!records) return fail(records.error());
  if (!records->empty() && schemas::crc32c(records->front().value) == last.crc) return {};
  return fail(lost_error(fmt::format("offset {}:{} of topic {} is not the record that was acknowledged", partition,
                                     last.offset, inspector.topic())));
}

Result<void> KafkaMonitor::Impl::ask_identity() {
  const auto found = read_kafka_genesis(inspector, kAnswer);
  if (!found) return fail(found.error());
  if (found->log_uuid != genesis.log_uuid || found->partitions != genesis.partitions) {
    return fail(
        lost_error(fmt::format("topic {} is log {} with {} partitions now; it was log {} with {}", inspector.topic(),
                               found->log_uuid, found->partitions, genesis.log_uuid, genesis.partitions)));
  }
  for (std::int32_t partition = 0; partition < genesis.partitions; ++partition) {
    if (auto last = ask_last(partition); !last) return last;
    std::vector<RecordFingerprint> tail;
    {
      const std::lock_guard lock(source_mutex);
      if (tail_source) tail = tail_source(partition);
    }
    if (auto same = check_kafka_tail(inspector, partition, tail, kAnswer); !same) return same;
  }
  return {};
}

Result<std::vector<Bounds>> KafkaMonitor::Impl::ask(bool thoroughly) {
  std::vector<Bounds> found;
  for (std::int32_t partition = 0; partition < genesis.partitions; ++partition) {
    auto one = ask_bounds(partition);
    if (!one) return fail(one.error());
    found.push_back(*one);
  }
  went_back = 0;
  if (thoroughly) {
    if (auto same = ask_identity(); !same) return fail(same.error());
  }
  return found;
}

void KafkaMonitor::Impl::take_trouble(const Error& error) {
  const auto now = SteadyClock::now();
  if (!trouble_since) trouble_since = now;
  if (is_final(error)) {
    trust = Trust::lost;
    trouble = error;
    hooks.close(error);
    return;
  }
  if (trust != Trust::away) hooks.hold();
  if (trust == Trust::yes) trust = Trust::asking;
  if (now - *trouble_since < kGrace) return;
  trouble = {ErrorCode::unavailable, fmt::format("Kafka is away: {}", error.message), "", true};
  if (trust == Trust::away) return;
  spdlog::warn("{}; writes are refused until it is back", trouble.message);
  trust = Trust::away;
  hooks.close(trouble);
}

void KafkaMonitor::Impl::take(std::uint64_t doubts_before, const Result<std::vector<Bounds>>& answer) {
  const std::lock_guard lock(mutex);
  if (!answer) {
    take_trouble(answer.error());
  } else {
    bounds = *answer;
    looked = SteadyClock::now();
    trouble_since.reset();
    if (doubts == doubts_before && trust != Trust::yes) {
      if (trust == Trust::away) spdlog::info("Kafka is back");
      trust = Trust::yes;
      hooks.open();
    }
  }
  changed.notify_all();
}

void KafkaMonitor::Impl::tell_ends(const std::vector<Bounds>& found) {
  std::vector<std::int64_t> ends;
  for (const auto& one : found) ends.push_back(one.end);
  const std::lock_guard lock(source_mutex);
  if (!end_listener || ends == told_ends) return;
  end_listener(found);
  told_ends = std::move(ends);
}

void KafkaMonitor::Impl::start_asking(const std::string& what) {
  ++doubts;
  if (trust != Trust::yes) return;
  spdlog::debug("Kafka: {}; looking whether the topic is the same", what);
  trust = Trust::asking;
  hooks.hold();
  changed.notify_all();
}

void KafkaMonitor::Impl::notice_standstill() {
  if (SteadyClock::now() - looked > kStale) start_asking("nobody has looked for a while");
}

// false: stopped.
bool KafkaMonitor::Impl::pause() {
  std::unique_lock lock(mutex);
  if (trust == Trust::asking && !trouble_since) return !stopping;
  const auto time = trust == Trust::yes ? kHeartbeat : kAgain;
  changed.wait_for(lock, time, [&] { return stopping || (trust == Trust::asking && !trouble_since); });
  return !stopping;
}

void KafkaMonitor::Impl::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (pause()) {
    std::uint64_t doubts_before = 0;
    bool doubted = false;
    {
      const std::lock_guard lock(mutex);
      notice_standstill();
      doubts_before = doubts;
      doubted = trust != Trust::yes;
    }
    const auto answer = ask(doubted || ++beats % kThorough == 0);
    take(doubts_before, answer);
    if (answer) tell_ends(*answer);
    if (answer || !is_final(answer.error())) continue;
    hooks.lost(answer.error());
    return;
  }
}

KafkaMonitor::KafkaMonitor(KafkaInspector& inspector, Genesis genesis, std::vector<Bounds> at_open, Hooks hooks)
    : impl_(std::make_unique<Impl>(inspector, std::move(genesis), std::move(at_open), std::move(hooks))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

KafkaMonitor::~KafkaMonitor() { stop(); }

void KafkaMonitor::set_tail_source(TailSource source) {
  const std::lock_guard lock(impl_->source_mutex);
  impl_->tail_source = std::move(source);
}

void KafkaMonitor::set_end_listener(EndListener listener) {
  const std::lock_guard lock(impl_->source_mutex);
  impl_->end_listener = std::move(listener);
}

void KafkaMonitor::doubt(const std::string& what) {
  const std::lock_guard lock(impl_->mutex);
  impl_->start_asking(what);
}

void KafkaMonitor::note_durable(schemas::Position position, std::uint32_t crc) {
  const std::lock_guard lock(impl_->durable_mutex);
  auto& last = impl_->durable[static_cast<std::size_t>(position.partition)];
  if (position.offset > last.offset) last = {position.offset, crc};
}

void KafkaMonitor::note_read(std::int32_t partition, std::int64_t next_offset) {
  const std::lock_guard lock(impl_->durable_mutex);
  auto& read_to = impl_->read_to[static_cast<std::size_t>(partition)];
  read_to = std::max(read_to, next_offset);
}

Bounds KafkaMonitor::bounds(std::int32_t partition) const {
  const auto end = impl_->known_end(partition);
  const std::lock_guard lock(impl_->mutex);
  return {impl_->bounds[static_cast<std::size_t>(partition)].first, end};
}

LogCondition KafkaMonitor::condition() const {
  const std::lock_guard lock(impl_->mutex);
  const bool writable = impl_->trust == Trust::yes || impl_->trust == Trust::asking;
  return {writable, writable ? "" : impl_->trouble.message};
}

Result<bool> KafkaMonitor::wait_trusted(SteadyClock::time_point deadline, const std::atomic<bool>& woken) const {
  std::unique_lock lock(impl_->mutex);
  impl_->notice_standstill();
  impl_->changed.wait_until(lock, deadline, [&] {
    return impl_->trust == Trust::yes || impl_->trust == Trust::lost || impl_->stopping || woken.load();
  });
  if (impl_->trust == Trust::lost) return fail(impl_->trouble);
  return impl_->trust == Trust::yes;
}

void KafkaMonitor::wake() {
  // Under the mutex, so that no waiter is between its look and its sleep.
  const std::lock_guard lock(impl_->mutex);
  impl_->changed.notify_all();
}

void KafkaMonitor::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

Result<void> check_kafka_tail(KafkaInspector& inspector, std::int32_t partition,
                              const std::vector<RecordFingerprint>& tail, milliseconds timeout) {
  if (tail.empty()) return {};
  const auto bounds = inspector.bounds(partition, timeout);
  if (!bounds) return fail(bounds.error());
  for (const auto& remembered : tail) {
    if (remembered.offset >= bounds->end) return fail(truncated_error(remembered, partition, bounds->end));
  }
  const auto records = inspector.read(partition, tail.front().offset, tail.back().offset + 1, timeout);
  if (!records) return fail(records.error());
  for (const auto& remembered : tail) {
    const auto found = std::find_if(records->begin(), records->end(), [&](const schemas::LogRecord& record) {
      return record.position.offset == remembered.offset;
    });
    schemas::LogRecord missing;
    missing.position = {partition, remembered.offset};
    if (auto same = check_fingerprint(remembered, found == records->end() ? missing : *found); !same) return same;
  }
  return {};
}

}  // namespace solo::producers
