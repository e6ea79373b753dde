#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "producers/kafka_writer_impl.h"
#include "producers/signals.h"
#include "schemas/crc32c.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

using std::chrono::milliseconds;

/// How often appends that are kept are looked at for their timeout.
constexpr milliseconds kTick{50};
/// How long a producer with a fatal error may take to give back what it holds.
constexpr milliseconds kGiveBack{2'000};
/// Told durable while the topic is in doubt: so long after its delivery timeout it ends as unknown.
constexpr milliseconds kUntold{500};
/// How often a producer says whether it has been given an id; only one whose predecessor was given none is asked.
constexpr const char* kAskForId = "500";

bool is_authorization(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

/// It was given back because its producer had failed, not for a reason of its own.
bool is_given_back(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
         code == RD_KAFKA_RESP_ERR__FATAL;
}

/// Does the broker let this producer write? Only its statistics tell: it has been given an id then.
bool has_id(std::string_view statistics) {
  constexpr std::string_view kState = "\"idemp_state\"";
  const auto at = statistics.find(kState);
  if (at == std::string_view::npos) return false;
  const auto rest = statistics.substr(at + kState.size());
  return rest.substr(0, rest.find(',')).find("\"Assigned\"") != std::string_view::npos;
}

}  // namespace

Result<void> KafkaWriter::Impl::make_producer() {
  const auto extra = needs_id ? KafkaSettings{{"statistics.interval.ms", kAskForId}} : KafkaSettings();
  auto made = make_kafka_client(options, role(), extra);
  if (!made) return fail(made.error());
  KafkaTopicHandle made_topic(rd_kafka_topic_new(made->get(), events_topic(options.cluster).c_str(), nullptr));
  if (made_topic == nullptr) return fail(kafka_error(rd_kafka_last_error(), "Kafka producer"));
  KafkaQueue made_queue(rd_kafka_queue_get_main(made->get()));
  {
    const std::lock_guard lock(mutex);
    client.swap(*made);
    topic.swap(made_topic);
    queue.swap(made_queue);
  }
  // The former ones end here, outside the mutex: queue and topic before their client.
  made_queue.reset();
  made_topic.reset();
  return {};
}

void KafkaWriter::Impl::take_event(rd_kafka_event_t* event) {
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) take_reports(event);
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) take_error(event);
  if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_STATS) take_statistics(event);
}

Error KafkaWriter::Impl::denial(rd_kafka_resp_err_t code) const {
  auto error = kafka_error(code, "the broker does not let this user write");
  const auto name = events_topic(options.cluster);
  error.hint =
      code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
          ? fmt::format("an ACL of the broker must allow WRITE on topic {}", name)
          : fmt::format("an ACL of the broker must allow IDEMPOTENT_WRITE on the cluster, or WRITE on topic {}", name);
  return error;
}

// Said once, until it changes or something is written.
void KafkaWriter::Impl::note_trouble(rd_kafka_resp_err_t code, Error error, std::string_view then) {
  if (renewal.is_news(code)) {
    spdlog::warn("Kafka producer of {}: {}{}{}{}", lane == Lane::commands ? "commands" : "observations", error.message,
                 then, error.hint.empty() ? "" : "; ", error.hint);
  }
  trouble = std::move(error);
}

void KafkaWriter::Impl::take_reports(rd_kafka_event_t* event) {
  std::string gone;
  {
    const std::lock_guard lock(mutex);
    while (const auto* message = rd_kafka_event_message_next(event)) {
      auto& append = *static_cast<KafkaAppend*>(message->_private);
      auto result = result_of(*message);
      if (std::holds_alternative<Durable>(result)) {
        trouble.reset();
        if (renewal.deliver()) spdlog::info("Kafka takes records again");
      } else if (is_authorization(message->err)) {
        result = Refused{denial(message->err)};
        denied = message->err;
      } else if (failed && trouble && is_given_back(message->err) && std::holds_alternative<Refused>(result)) {
        result = Refused{*trouble};
      }
      pending.set_result(append, std::move(result), lane);
      if (is_gone(message->err)) gone = rd_kafka_err2str(message->err);
    }
    // Observations behind one that failed are refused, so that their publisher can repeat them in order.
    if (lane == Lane::observations && pending.fenced() > 0) {
      refuse_kept({ErrorCode::unavailable, "an earlier observation was not written", "", true});
    }
    if (!gone.empty()) abandon();
  }
  if (!gone.empty() && listener.gone) listener.gone(gone);
}

void KafkaWriter::Impl::take_error(rd_kafka_event_t* event) {
  const auto code = rd_kafka_event_error(event);
  const char* said = rd_kafka_event_error_string(event);
  const std::string words = said == nullptr ? rd_kafka_err2str(code) : said;
  if (is_gone(code)) {
    {
      const std::lock_guard lock(mutex);
      abandon();
    }
    if (listener.gone) listener.gone(words);
  }
  if (listener.doubt) listener.doubt(words);
}

// A fatal error is told by the client's state: that is there before any event, and stays. And a topic that it may not
// write to is closed to this client from then on, whatever becomes of the right.
void KafkaWriter::Impl::look_for_fatal_error() {
  {
    const std::lock_guard lock(mutex);
    if (failed) return;
  }
  if (denied != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_producer(denied, "");
  std::array<char, 256> words{};
  const auto code = rd_kafka_fatal_error(client.get(), words.data(), words.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) fail_producer(code, words.data());
}

// A new one takes over after a pause: what made this one fail may let every other fail at once.
void KafkaWriter::Impl::fail_producer(rd_kafka_resp_err_t code, const std::string& words) {
  {
    const std::lock_guard lock(mutex);
    failed = true;
    renewal.fail(std::chrono::steady_clock::now());
    if (is_authorization(code)) {
      barred = denial(code);
      needs_id = code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
      note_trouble(code, *barred, "");
      if (lane == Lane::commands) refuse_kept(*barred);
    } else {
      note_trouble(code, {ErrorCode::unavailable, words, "", true}, "; a new one takes over");
    }
  }
  give_back();
}

void KafkaWriter::Impl::take_statistics(rd_kafka_event_t* event) {
  const char* statistics = rd_kafka_event_stats(event);
  const std::lock_guard lock(mutex);
  if (!needs_id || failed || statistics == nullptr || !has_id(statistics)) return;
  // Whether the topic takes its records, the first of them shows.
  needs_id = false;
  barred.reset();
  trouble.reset();
  spdlog::info("Kafka producer of {}: the broker lets it write again",
               lane == Lane::commands ? "commands" : "observations");
  send_kept();
}

void KafkaWriter::Impl::expire_kept() {
  if (lane != Lane::commands) return;
  const auto before = std::chrono::steady_clock::now() - options.delivery_timeout;
  const std::lock_guard lock(mutex);
  pending.for_each_kept([&](KafkaAppend& append) {
    if (append.since > before) return;
    pending.set_result(
        append,
        Refused{{ErrorCode::unavailable,
                 fmt::format("no broker took it within {} ms", options.delivery_timeout.count()), "", true}},
        lane);
  });
}

// Durable, and not told because the topic is in doubt: whoever waits for it waits no longer than for a broker.
void KafkaWriter::Impl::expire_untold() {
  if (lane != Lane::commands) return;
  const auto before = std::chrono::steady_clock::now() - options.delivery_timeout - kUntold;
  const std::lock_guard lock(mutex);
  if (gate == Gate::open) return;
  pending.for_each_untold_durable([&](KafkaAppend& append) {
    if (append.since > before) return;
    append.result = Unknown{{ErrorCode::unavailable,
                             fmt::format("a broker took it, and for {} ms it has not been known whether it did so for "
                                         "this log",
                                         options.delivery_timeout.count()),
                             "", true}};
  });
}

// The last of each partition: that is all the monitor remembers.
void KafkaWriter::Impl::note_durable() {
  if (!listener.durable) return;
  std::int32_t noted = -1;
  for (auto append = ending.rbegin(); append != ending.rend(); ++append) {
    const auto* durable = std::get_if<Durable>(&*(*append)->result);
    if (durable == nullptr || durable->position.partition == noted) continue;
    noted = durable->position.partition;
    listener.durable(durable->position, schemas::crc32c((*append)->value));
  }
}

// Ends what can be ended, in order, outside the mutex.
void KafkaWriter::Impl::settle() {
  {
    const std::lock_guard lock(mutex);
    pending.take_ended(gate == Gate::open || stopping, ending);
  }
  if (ending.empty()) return;
  note_durable();
  for (const auto& append : ending) {
    if (append->done) append->done(std::move(*append->result));
    const bool fenced = append->fenced;
    *append = KafkaAppend();
    if (!fenced) continue;
    const std::lock_guard lock(mutex);
    pending.lift_fence();
  }
  {
    const std::lock_guard lock(mutex);
    pending.take_back(ending);
  }
  ended_some.notify_all();
}

// What the failed producer holds comes back as refused or unknown.
void KafkaWriter::Impl::give_back() {
  const auto deadline = std::chrono::steady_clock::now() + kGiveBack;
  rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  while (rd_kafka_outq_len(client.get()) > 0 && std::chrono::steady_clock::now() < deadline) {
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kTick.count())));
    if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) take_reports(event.get());
    settle();
  }
}

// A new producer starts with an id of its own.
void KafkaWriter::Impl::renew() {
  const auto made = make_producer();
  if (!made) {
    spdlog::error("Kafka producer: {}", made.error().message);
    const std::lock_guard lock(mutex);
    renewal.fail(std::chrono::steady_clock::now());
    return;
  }
  denied = RD_KAFKA_RESP_ERR_NO_ERROR;
  const std::lock_guard lock(mutex);
  // Whatever the old one never gave back may be in the log.
  pending.for_each_sent([&](KafkaAppend& append) {
    pending.set_result(append, Unknown{{ErrorCode::unavailable, "the Kafka producer failed", "", true}}, lane);
  });
  failed = false;
  if (!needs_id) barred.reset();
  send_kept();
}

void KafkaWriter::Impl::end_all() {
  for (;;) {
    if (queue != nullptr) {
      const KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kTick.count())));
      if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) take_reports(event.get());
    }
    settle();
    {
      const std::lock_guard lock(mutex);
      if (pending.empty() || queue == nullptr) return;
    }
    if (std::chrono::steady_clock::now() < stop_by) continue;
    rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    const std::lock_guard lock(mutex);
    refuse_kept({ErrorCode::unavailable, "the log is closed"});
    if (std::chrono::steady_clock::now() < stop_by + kGiveBack) continue;
    // Never given back: the producer still reads the values, and so ends before them.
    queue.reset();
    topic.reset();
    client.reset();
    pending.for_each_sent([&](KafkaAppend& append) {
      pending.set_result(append, Unknown{{ErrorCode::unavailable, "the log is closed", "", true}}, lane);
    });
  }
}

void KafkaWriter::Impl::run() {
  block_signals();
  for (;;) {
    {
      // Until it is gone, the client counts its records as outstanding.
      const KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kTick.count())));
      if (event != nullptr) take_event(event.get());
    }
    look_for_fatal_error();
    expire_kept();
    expire_untold();
    settle();
    bool renewing = false;
    bool gone = false;
    bool returning = false;
    {
      const std::lock_guard lock(mutex);
      if (stopping) break;
      renewing = failed && renewal.due(std::chrono::steady_clock::now());
      gone = std::exchange(gone_unsaid, false);
      returning = std::exchange(giving_back, false);
    }
    if (gone && listener.gone) listener.gone("the producer knows no such topic or partition");
    if (returning) give_back();
    if (renewing) renew();
  }
  end_all();
}

}  // namespace solo::producers
