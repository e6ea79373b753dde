#include "producers/kafka_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "producers/genesis.h"
#include "producers/kafka_client.h"
#include "producers/kafka_consumers.h"
#include "producers/kafka_identity.h"
#include "producers/kafka_settings_watch.h"
#include "producers/kafka_writer.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kAnswer{2'000};
constexpr milliseconds kTailAnswer{10'000};
constexpr milliseconds kClosing{2'000};
constexpr milliseconds kAgain{100};

/// Everything that is asked of the broker before the log can be used.
using Found = KafkaBeginning;

Result<Found> look(const KafkaOptions& options, KafkaInspector& inspector) {
  auto found = read_kafka_beginning(inspector, kAnswer);
  if (!found) return found;
  if (auto keeps = check_kafka_topic(options, inspector, kAnswer); !keeps) return fail(keeps.error());
  return found;
}

Result<Found> look_or_make(const KafkaOptions& options, KafkaInspector& inspector, const Clock& clock, Entropy& entropy,
                           const std::optional<NewKafkaTopic>& create) {
  const auto count = inspector.partitions(kAnswer);
  if (!count && count.error().code != ErrorCode::not_found) return fail(count.error());
  if (create) {
    NewKafkaTopic wanted = *create;
    // One that is there keeps its number: only what is missing of its genesis is written.
    if (count) wanted.partitions = *count;
    if (auto made = make_kafka_topic(options, wanted, clock, entropy, inspector); !made) return fail(made.error());
  } else if (!count) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("Kafka at {} has no topic {}", options.bootstrap, inspector.topic()),
                "run solo topic create, or start solod with log.kafka.create = true");
  }
  return look(options, inspector);
}

/// May the same question be answered otherwise without a change of the configuration? A right may be given.
bool may_pass(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::permission_denied;
}

/// Asks until there is an answer other than "not now".
Result<Found> wait_and_look(const KafkaOptions& options, KafkaInspector& inspector, const Clock& clock,
                            Entropy& entropy, const std::optional<NewKafkaTopic>& create) {
  const auto deadline = SteadyClock::now() + options.start_timeout;
  std::string said;
  for (;;) {
    auto found = look_or_make(options, inspector, clock, entropy, create);
    if (found || !may_pass(found.error())) return found;
    const std::string words = fmt::format("waiting for Kafka at {}: {}", options.bootstrap, found.error().message);
    if (options.on_waiting && words != said) options.on_waiting(words);
    said = words;
    if (options.cancelled && options.cancelled()) return fail(ErrorCode::unavailable, "stopped while " + words);
    if (SteadyClock::now() >= deadline && found.error().code == ErrorCode::permission_denied) return found;
    if (SteadyClock::now() >= deadline) {
      return fail(ErrorCode::unavailable,
                  fmt::format("Kafka at {} did not answer within {} ms: {}", options.bootstrap,
                              options.start_timeout.count(), found.error().message),
                  fmt::format("{}; log.kafka.start_timeout_ms bounds the wait",
                              found.error().hint.empty() ? "is the broker running?" : found.error().hint),
                  true);
    }
    std::this_thread::sleep_for(kAgain);
  }
}

}  // namespace

struct KafkaLog::Impl {
  KafkaOptions options;
  Genesis genesis;
  std::unique_ptr<KafkaInspector> inspector;
  /// For everybody but the monitor, which never waits for their questions, nor they for its own.
  std::unique_ptr<KafkaInspector> aside;
  std::unique_ptr<KafkaMonitor> monitor;
  std::unique_ptr<KafkaSettingsWatch> settings;
  std::unique_ptr<KafkaConsumers> consumers;
  std::unique_ptr<KafkaWriter> commands;
  std::unique_ptr<KafkaWriter> observations;
  /// The writers are there: the monitor may speak to them.
  std::atomic<bool> complete = false;

  KafkaMonitor::Hooks hooks() {
    return {[this] { for_each([](KafkaWriter& writer) { writer.hold(); }); },
            [this] { for_each([](KafkaWriter& writer) { writer.abandon(); }); },
            [this] { for_each([](KafkaWriter& writer) { writer.open_gate(); }); },
            [this](const Error& why) { for_each([&](KafkaWriter& writer) { writer.close_gate(why); }); },
            [this](const Error& why) {
              if (options.on_fatal) options.on_fatal(why);
            }};
  }

  template <class Function>
  void for_each(Function function) {
    if (!complete.load()) return;
    function(*commands);
    function(*observations);
  }

  Result<void> start_writers(QueueLimits limits) {
    const KafkaWriter::Listener listener{
        [this](const std::string& what) { monitor->doubt(what); },
        [this](const std::string& what) { monitor->doubt_existence(what); },
        [this](schemas::Position position, std::uint32_t crc) { monitor->note_durable(position, crc); }};
    auto first = KafkaWriter::start(options, Lane::commands, genesis.partitions, limits, listener);
    if (!first) return fail(first.error());
    commands = std::move(*first);
    auto second = KafkaWriter::start(options, Lane::observations, genesis.partitions, limits, listener);
    if (!second) return fail(second.error());
    observations = std::move(*second);
    complete = true;
    // Whatever was doubted before is looked at now.
    monitor->doubt("the producers have started");
    return {};
  }
};

KafkaLog::KafkaLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KafkaLog::~KafkaLog() { close(); }

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(KafkaOptions options, const Clock& clock, Entropy& entropy,
                                                 std::optional<NewKafkaTopic> create, QueueLimits limits) {
  auto inspector = KafkaInspector::start(options, {}, KafkaInspector::Fetch::little);
  if (!inspector) return fail(inspector.error());
  auto aside = KafkaInspector::start(options);
  if (!aside) return fail(aside.error());
  auto found = wait_and_look(options, **inspector, clock, entropy, create);
  if (!found) return fail(found.error());
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->genesis = found->genesis;
  impl->inspector = std::move(*inspector);
  impl->aside = std::move(*aside);
  impl->monitor = std::make_unique<KafkaMonitor>(*impl->inspector, impl->genesis, found->bounds, impl->hooks());
  impl->consumers = std::make_unique<KafkaConsumers>(
      impl->options, [raw = impl.get()](rd_kafka_resp_err_t, const std::string& what) { raw->monitor->doubt(what); });
  if (auto started = impl->start_writers(limits); !started) {
    impl->monitor->stop();
    return fail(started.error());
  }
  if (impl->options.check_settings) {
    impl->settings = std::make_unique<KafkaSettingsWatch>(
        *impl->aside, impl->options.settings_interval,
        [raw = impl.get()](std::optional<Error> why) { raw->monitor->forbid(std::move(why)); });
  }
  return std::unique_ptr<KafkaLog>(new KafkaLog(std::move(impl)));
}

void KafkaLog::close() {
  impl_->settings.reset();
  impl_->monitor->stop();
  const auto deadline = SteadyClock::now() + kClosing;
  impl_->commands->close(deadline);
  impl_->observations->close(deadline);
}

void KafkaLog::set_tail_source(KafkaMonitor::TailSource source) { impl_->monitor->set_tail_source(std::move(source)); }
void KafkaLog::set_end_listener(KafkaMonitor::EndListener listener) {
  impl_->monitor->set_end_listener(std::move(listener));
}

const Genesis& KafkaLog::genesis() const { return impl_->genesis; }
std::int32_t KafkaLog::partitions() const { return impl_->genesis.partitions; }
EventWriter& KafkaLog::commands() { return *impl_->commands; }
EventWriter& KafkaLog::observations() { return *impl_->observations; }

Result<Bounds> KafkaLog::bounds(std::int32_t partition) {
  if (partition < 0 || partition >= partitions()) return fail(no_partition_error(partition, partitions()));
  return impl_->monitor->bounds(partition);
}

Result<Bounds> KafkaLog::bounds_now(std::int32_t partition) {
  auto known = bounds(partition);
  if (!known) return known;
  const auto now = impl_->aside->bounds(partition, kTailAnswer);
  if (!now) return now;
  // What was acknowledged is there, whichever replica was asked.
  known->end = std::max(known->end, now->end);
  return known;
}

LogCondition KafkaLog::condition() const {
  const auto condition = impl_->monitor->condition();
  if (!condition.writable) return condition;
  for (const auto* writer : {impl_->commands.get(), impl_->observations.get()}) {
    const auto why = writer->trouble();
    if (why) return {false, why->hint.empty() ? why->message : fmt::format("{} ({})", why->message, why->hint)};
  }
  return condition;
}

Result<void> KafkaLog::check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) {
  return check_kafka_tail(*impl_->aside, partition, tail, kTailAnswer);
}

const KafkaOptions& KafkaLog::options() const { return impl_->options; }
KafkaMonitor& KafkaLog::monitor() { return *impl_->monitor; }
KafkaConsumers& KafkaLog::consumers() { return *impl_->consumers; }

void KafkaLog::fail_fatally() {
  impl_->commands->fail_fatally();
  impl_->observations->fail_fatally();
}

}  // namespace solo::producers
