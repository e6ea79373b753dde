#include "producers/kafka_writer.h"

#include <fmt/format.h>

#include <utility>

#include "producers/kafka_writer_impl.h"
#include "schemas/codec.h"

namespace solo::producers {

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

using SteadyTime = std::chrono::steady_clock::time_point;

std::optional<Error> KafkaWriter::Impl::admit(std::int32_t partition, const std::string& value) const {
  if (partition < 0 || partition >= pending.partitions()) return no_partition_error(partition, pending.partitions());
  if (value.size() > schemas::kMaxEventBytes) {
    return Error{ErrorCode::invalid_argument, fmt::format("an event of {} bytes: at most {} fit into the log",
                                                          value.size(), schemas::kMaxEventBytes)};
  }
  if (lane == Lane::observations && pending.fenced() > 0) {
    return Error{ErrorCode::unavailable, "an earlier observation was not written", "", true};
  }
  if (gate == Gate::closed && (lane == Lane::commands || !closed_because.retryable)) return closed_because;
  if (barred && lane == Lane::commands) return barred;
  if (pending.waiting() >= limits.max_records || pending.waiting_bytes() + value.size() > limits.max_bytes) {
    return Error{ErrorCode::resource_exhausted,
                 fmt::format("{} records ({} bytes) are waiting to be written to the log already", pending.waiting(),
                             pending.waiting_bytes()),
                 "try again in a moment", true};
  }
  return std::nullopt;
}

void KafkaWriter::Impl::send(KafkaAppend& append, KafkaHeaders headers) {
  const auto sent =
      produce(client.get(), topic.get(), append.partition, append.key, append.value, std::move(headers), &append);
  if (sent == RD_KAFKA_RESP_ERR_NO_ERROR) {
    pending.set_sent(append);
  } else if (sent != RD_KAFKA_RESP_ERR__FATAL) {
    // After a fatal error it is kept for the next producer.
    pending.set_result(append, Refused{kafka_error(sent, "appending")}, lane);
    // Its thread tells the monitor; until that has looked nothing more is sent.
    if (is_gone(sent)) {
      abandon();
      gone_unsaid = true;
    }
    wake();
  }
}

// librdkafka itself sends again what a topic that was deleted did not take, as soon as there is one of that name. So
// what it holds is taken from it, and a new producer takes over.
void KafkaWriter::Impl::abandon() {
  if (gate == Gate::open) gate = Gate::hold;
  if (rd_kafka_outq_len(client.get()) == 0) return;
  rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  failed = true;
  giving_back = true;
  wake();
}

void KafkaWriter::Impl::send_kept() {
  if (gate != Gate::open || failed || barred) return;
  pending.for_each_kept([&](KafkaAppend& append) { send(append, headers_of(append.value)); });
}

void KafkaWriter::Impl::refuse_kept(const Error& error) {
  pending.for_each_kept([&](KafkaAppend& append) { pending.set_result(append, Refused{error}, lane); });
}

KafkaWriter::KafkaWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KafkaWriter::~KafkaWriter() { close(std::chrono::steady_clock::now()); }

Result<std::unique_ptr<KafkaWriter>> KafkaWriter::start(const KafkaOptions& options, Lane lane, std::int32_t partitions,
                                                        QueueLimits limits, Listener listener) {
  auto impl = std::make_unique<Impl>(options, lane, partitions, limits, std::move(listener));
  if (auto made = impl->make_producer(); !made) return fail(made.error());
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<KafkaWriter>(new KafkaWriter(std::move(impl)));
}

void KafkaWriter::append_to(std::int32_t partition, std::string key, std::string value, AppendDone done) {
  auto headers = headers_of(value);
  std::unique_lock lock(impl_->mutex);
  if (impl_->stopping) {
    lock.unlock();
    if (done) done(Refused{Error{ErrorCode::unavailable, "the log is closed"}});
    return;
  }
  auto refused = impl_->admit(partition, value);
  auto& append =
      impl_->pending.add(partition, std::move(key), refused ? std::string() : std::move(value), std::move(done));
  if (refused) {
    impl_->pending.set_result(append, Refused{*std::move(refused)}, impl_->lane);
    impl_->wake();
  } else if (impl_->gate == Impl::Gate::open && !impl_->failed && !impl_->barred) {
    impl_->send(append, std::move(headers));
  }
}

std::int32_t KafkaWriter::partitions() const { return impl_->pending.partitions(); }

std::optional<Error> KafkaWriter::trouble() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->trouble;
}

bool KafkaWriter::drain(SteadyTime deadline) {
  std::unique_lock lock(impl_->mutex);
  const auto target = impl_->pending.added();
  return impl_->ended_some.wait_until(lock, deadline, [&] { return impl_->pending.told() >= target; });
}

void KafkaWriter::open_gate() {
  const std::lock_guard lock(impl_->mutex);
  impl_->gate = Impl::Gate::open;
  impl_->send_kept();
  impl_->wake();
}

void KafkaWriter::hold() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->gate == Impl::Gate::open) impl_->gate = Impl::Gate::hold;
}

void KafkaWriter::abandon() {
  const std::lock_guard lock(impl_->mutex);
  impl_->abandon();
}

void KafkaWriter::close_gate(Error why) {
  const std::lock_guard lock(impl_->mutex);
  impl_->gate = Impl::Gate::closed;
  const bool for_good = !why.retryable;
  if (for_good) {
    impl_->abandon();
    // Told durable by a topic that is not ours: not so.
    impl_->pending.for_each_untold_durable([&](KafkaAppend& append) { append.result = Unknown{why}; });
  }
  if (for_good || impl_->lane == Lane::commands) impl_->refuse_kept(why);
  impl_->closed_because = std::move(why);
  impl_->wake();
}

void KafkaWriter::close(SteadyTime deadline) {
  if (!impl_->thread.joinable()) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->stop_by = impl_->gate == Impl::Gate::open ? deadline : std::chrono::steady_clock::now();
    impl_->wake();
  }
  impl_->thread.join();
}

void KafkaWriter::fail_fatally() {
  const std::lock_guard lock(impl_->mutex);
  rd_kafka_test_fatal_error(impl_->client.get(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "asked for by a test");
}

}  // namespace solo::producers
