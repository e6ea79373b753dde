#include "producers/kafka_monitor.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "producers/kafka_identity.h"
#include "producers/signals.h"

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
/// The asking thread has not been seen for so long: this process stood still, and what came meanwhile is of a topic
/// that nobody knows.
constexpr milliseconds kStale{3'000};
/// Every so many heartbeats identity is looked at, not only the ends.
constexpr int kThorough = 5;
/// Writes are kept for so long without a word; then it is said what is waited for.
constexpr milliseconds kUnsaid{2'000};

enum class Trust : std::uint8_t { yes, asking, away, lost };
enum class Look : std::uint8_t { ends, last, all };

}  // namespace

struct KafkaMonitor::Impl {
  void run();
  Result<std::vector<Bounds>> ask(Look look);
  Look choose_look();
  std::vector<std::int64_t> known_ends() const;
  void beat(const std::string& what);
  void take(std::uint64_t doubts_before, const Result<std::vector<Bounds>>& answer);
  void tell_ends(const std::vector<Bounds>& found);
  bool pause();
  // With the mutex.
  void take_trouble(const Error& error);
  void start_asking(const std::string& what);
  void notice_standstill();
  void set_gate();
  bool is_unsaid() const { return SteadyClock::now() - asking_since < kUnsaid; }
  std::string words_of_asking() const;

  const std::string topic;
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
  /// The writers have been told that the topic is gone.
  bool abandoned = false;
  /// Why nothing may be written although the topic is the log.
  std::optional<Error> forbidden;
  /// When the asking thread was last seen, and the one of these times that was found to be long ago.
  SteadyClock::time_point last_beat = SteadyClock::now();
  SteadyClock::time_point missed_beat;
  /// Since when writes are kept, why, for what answer, and whether that was said.
  SteadyClock::time_point asking_since;
  std::string asking_because;
  std::string asking_for;
  bool said = false;
  bool stopping = false;

  // The thread's own.
  KafkaIdentity identity;
  int beats = 0;
  std::vector<std::int64_t> told_ends;
  std::thread thread;

  Impl(KafkaInspector& inspector, Genesis its_genesis, std::vector<Bounds> at_open, Hooks its_hooks)
      : topic(inspector.topic()),
        genesis(std::move(its_genesis)),
        hooks(std::move(its_hooks)),
        durable(at_open.size()),
        read_to(at_open.size()),
        bounds(std::move(at_open)),
        identity(inspector, genesis, kAnswer, [this](const std::string& what) { beat(what); }) {}
};

std::vector<std::int64_t> KafkaMonitor::Impl::known_ends() const {
  std::vector<std::int64_t> ends;
  {
    const std::lock_guard lock(durable_mutex);
    for (std::size_t at = 0; at < durable.size(); ++at) {
      ends.push_back(std::max(durable[at].offset + 1, read_to[at]));
    }
  }
  const std::lock_guard lock(mutex);
  for (std::size_t at = 0; at < ends.size(); ++at) ends[at] = std::max(ends[at], bounds[at].end);
  return ends;
}

Result<std::vector<Bounds>> KafkaMonitor::Impl::ask(Look look) {
  auto found = identity.ends(known_ends());
  if (!found || look == Look::ends) return found;
  const auto depth = look == Look::all ? KafkaIdentity::Depth::all : KafkaIdentity::Depth::last;
  if (auto same = identity.genesis(depth); !same) return fail(same.error());
  std::vector<LastDurable> last;
  {
    const std::lock_guard lock(durable_mutex);
    last = durable;
  }
  // What was acknowledged or applied after the ends were told is looked at the next time.
  for (std::size_t at = 0; at < last.size(); ++at) {
    if (last[at].offset >= (*found)[at].end) last[at] = {};
  }
  std::vector<std::vector<RecordFingerprint>> tails;
  {
    const std::lock_guard lock(source_mutex);
    for (std::int32_t partition = 0; tail_source && partition < genesis.partitions; ++partition) {
      const auto at = static_cast<std::size_t>(partition);
      auto& tail = tails.emplace_back(tail_source(partition));
      while (!tail.empty() && tail.back().offset >= (*found)[at].end) tail.pop_back();
      // The views have it: it need not be read twice.
      if (!tail.empty() && tail.back().offset == last[at].offset && tail.back().crc == last[at].crc) last[at] = {};
    }
  }
  if (auto same = identity.durable(last); !same) return fail(same.error());
  if (auto same = identity.tails(tails, depth); !same) return fail(same.error());
  return found;
}

// Of the asking thread: it is alive.
void KafkaMonitor::Impl::beat(const std::string& what) {
  const std::lock_guard lock(mutex);
  notice_standstill();
  last_beat = SteadyClock::now();
  asking_for = what;
  if (trust != Trust::asking || said || is_unsaid()) return;
  said = true;
  spdlog::warn("Kafka: {}", words_of_asking());
}

std::string KafkaMonitor::Impl::words_of_asking() const {
  const auto time = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - asking_since);
  return fmt::format("writes wait until it is known whether topic {} is still the log, for {} s now (since: {}); {}",
                     topic, time.count(), asking_because,
                     trouble_since ? "the last question failed: " + trouble.message : "asking for " + asking_for);
}

void KafkaMonitor::Impl::set_gate() {
  if (trust == Trust::lost) return hooks.close(trouble);
  if (forbidden) return hooks.close(*forbidden);
  if (trust == Trust::away) return hooks.close(trouble);
  if (trust == Trust::asking) return hooks.hold();
  hooks.open();
}

void KafkaMonitor::Impl::take_trouble(const Error& error) {
  const auto now = SteadyClock::now();
  if (!trouble_since) trouble_since = now;
  if (is_final(error)) {
    trust = Trust::lost;
    trouble = error;
    return set_gate();
  }
  // What is on its way into a topic that is gone may come into the one that is made next.
  const bool gone = error.code == ErrorCode::not_found;
  if (gone && !abandoned) hooks.abandon();
  abandoned = gone;
  if (trust == Trust::yes) start_asking(error.message);
  const bool known_away = trust == Trust::away;
  trouble = gone ? no_topic_error(topic, error.message)
                 : Error{ErrorCode::unavailable, fmt::format("Kafka is away: {}", error.message), error.hint, true};
  if (known_away || now - *trouble_since < kGrace) return;
  spdlog::warn("{}; writes are refused until it is back{}{}", trouble.message, trouble.hint.empty() ? "" : ": ",
               trouble.hint);
  trust = Trust::away;
  set_gate();
}

void KafkaMonitor::Impl::take(std::uint64_t doubts_before, const Result<std::vector<Bounds>>& answer) {
  const std::lock_guard lock(mutex);
  notice_standstill();
  last_beat = SteadyClock::now();
  if (!answer) {
    take_trouble(answer.error());
  } else {
    bounds = *answer;
    trouble_since.reset();
    abandoned = false;
    if (doubts == doubts_before && trust != Trust::yes) {
      if (trust == Trust::away) spdlog::info("Kafka is back");
      if (trust == Trust::asking && said) spdlog::info("Kafka: topic {} is still the log, writes go on", topic);
      trust = Trust::yes;
      set_gate();
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
  asking_since = SteadyClock::now();
  asking_because = what;
  said = false;
  set_gate();
  changed.notify_all();
}

// One doubt for each time: a look that began after it answers it.
void KafkaMonitor::Impl::notice_standstill() {
  if (last_beat == missed_beat || SteadyClock::now() - last_beat <= kStale) return;
  missed_beat = last_beat;
  start_asking("this process stood still");
}

// false: stopped.
bool KafkaMonitor::Impl::pause() {
  std::unique_lock lock(mutex);
  if (trust == Trust::asking && !trouble_since) return !stopping;
  const auto time = trust == Trust::yes ? kHeartbeat : kAgain;
  changed.wait_for(lock, time, [&] { return stopping || (trust == Trust::asking && !trouble_since); });
  return !stopping;
}

Look KafkaMonitor::Impl::choose_look() {
  if (trust != Trust::yes) return Look::all;
  return ++beats % kThorough == 0 ? Look::last : Look::ends;
}

void KafkaMonitor::Impl::run() {
  block_signals();
  while (pause()) {
    beat("nothing");
    std::uint64_t doubts_before = 0;
    Look look = Look::ends;
    {
      const std::lock_guard lock(mutex);
      doubts_before = doubts;
      look = choose_look();
    }
    const auto answer = ask(look);
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

void KafkaMonitor::doubt_existence(const std::string& what) {
  const std::lock_guard lock(impl_->mutex);
  // The other writer, too, has to know it before a topic of that name is made anew.
  impl_->hooks.abandon();
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

void KafkaMonitor::forbid(std::optional<Error> why) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->forbidden == why) return;
  impl_->forbidden = std::move(why);
  impl_->set_gate();
}

Bounds KafkaMonitor::bounds(std::int32_t partition) const {
  const auto at = static_cast<std::size_t>(partition);
  std::int64_t end = 0;
  {
    const std::lock_guard lock(impl_->durable_mutex);
    end = std::max(impl_->durable[at].offset + 1, impl_->read_to[at]);
  }
  const std::lock_guard lock(impl_->mutex);
  return {impl_->bounds[at].first, std::max(end, impl_->bounds[at].end)};
}

LogCondition KafkaMonitor::condition() const {
  const std::lock_guard lock(impl_->mutex);
  const auto refused = [](const Error& error) {
    return LogCondition{false, error.hint.empty() ? error.message : fmt::format("{}: {}", error.message, error.hint)};
  };
  if (impl_->trust == Trust::lost) return refused(impl_->trouble);
  if (impl_->forbidden) return refused(*impl_->forbidden);
  if (impl_->trust == Trust::away) return refused(impl_->trouble);
  if (impl_->trust == Trust::asking && !impl_->is_unsaid()) return {false, impl_->words_of_asking()};
  return {};
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

}  // namespace solo::producers
