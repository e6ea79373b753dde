// The Kafka writer's inside, shared by kafka_writer*.cc alone.
//
//   kafka_writer.cc           what is called from any thread: appends, the gate, the end
//   kafka_writer_thread.cc    its thread: what the producer reports, its failures and its successors, what is told
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "producers/kafka_client.h"
#include "producers/kafka_message.h"
#include "producers/kafka_pending.h"
#include "producers/kafka_renewal.h"
#include "producers/kafka_writer.h"

namespace solo::producers {

struct KafkaWriter::Impl {
  Impl(KafkaOptions given, Lane its_lane, std::int32_t count, QueueLimits its_limits, Listener its_listener)
      : options(std::move(given)),
        lane(its_lane),
        limits(its_limits),
        listener(std::move(its_listener)),
        pending(count) {}

  KafkaRole role() const { return lane == Lane::commands ? KafkaRole::commands : KafkaRole::observations; }
  schemas::Result<void> make_producer();
  void run();

  // With the mutex.
  std::optional<schemas::Error> admit(std::int32_t partition, const std::string& value) const;
  void send(KafkaAppend& append, KafkaHeaders headers);
  void send_kept();
  void refuse_kept(const schemas::Error& error);
  void abandon();

  schemas::Error denial(rd_kafka_resp_err_t code) const;
  void note_trouble(rd_kafka_resp_err_t code, schemas::Error error, std::string_view then);

  // The writer's thread.
  void take_event(rd_kafka_event_t* event);
  void take_reports(rd_kafka_event_t* event);
  void take_error(rd_kafka_event_t* event);
  void look_for_fatal_error();
  void take_statistics(rd_kafka_event_t* event);
  void fail_producer(rd_kafka_resp_err_t code, const std::string& words);
  void give_back();
  void expire_kept();
  void expire_untold();
  void settle();
  void note_durable();
  void renew();
  void end_all();
  /// Makes the thread look again.
  void wake() {
    if (queue != nullptr) rd_kafka_queue_yield(queue.get());
  }

  const KafkaOptions options;
  const Lane lane;
  const QueueLimits limits;
  const Listener listener;

  enum class Gate : std::uint8_t { open, hold, closed };

  mutable std::mutex mutex;
  std::condition_variable ended_some;
  KafkaHandle client;
  KafkaTopicHandle topic;
  KafkaQueue queue;
  KafkaPending pending;
  Gate gate = Gate::open;
  schemas::Error closed_because;
  /// An append was refused because the topic is gone, and nobody has been told.
  bool gone_unsaid = false;
  /// What the producer holds has to come back from it.
  bool giving_back = false;
  /// The producer has had a fatal error and will be replaced.
  bool failed = false;
  /// The last producer was not allowed to write: nothing is sent until the next one has begun.
  std::optional<schemas::Error> barred;
  /// It was not even given an id: nothing is sent until the next one has been.
  bool needs_id = false;
  /// Why what was written last was not taken; nothing once something was.
  std::optional<schemas::Error> trouble;
  KafkaRenewal renewal;
  bool stopping = false;
  std::chrono::steady_clock::time_point stop_by;

  // The thread's own. A right that a record of this producer's lacked.
  rd_kafka_resp_err_t denied = RD_KAFKA_RESP_ERR_NO_ERROR;
  // What is being told.
  std::vector<std::unique_ptr<KafkaAppend>> ending;
  std::thread thread;
};

}  // namespace solo::producers
