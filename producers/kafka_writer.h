// One of the Kafka log's two writers: an idempotent producer (acks=all), and what was appended to it and has not ended.
//
// Appends end in order per partition: a refused one waits for those before it. A gate decides what becomes of them:
//
//   open     sent at once
//   hold     kept until the gate opens; a record that becomes durable meanwhile is told only then, since the topic may
//            not be the one it was appended to; a command that is not told so soon after its delivery timeout is
//            unknown
//   closed   refused at once (commands); kept (observations)
//
// A command that is kept, or that the broker has not answered, ends when its delivery timeout is over; an observation
// never does. After a fatal error of the producer (Kafka's exactly-once bookkeeping is lost) what was outstanding ends,
// refused or unknown, and a new producer takes over, after a pause that grows while each fails in its turn. A producer
// that may not write is no different, but that commands are refused (permission_denied) until one may.
//
// Threads: every function may be called from any thread. One of its own calls `done`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "producers/append_queue.h"
#include "producers/event_writer.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::producers {

class KafkaWriter final : public EventWriter {
 public:
  /// What the writer tells the log, on its own thread; must not wait for the writer.
  struct Listener {
    /// A connection was lost, or the broker said something that casts doubt on the topic.
    std::function<void(const std::string& what)> doubt;
    /// The topic is gone, or has other partitions. The writer has abandoned what it had sent.
    std::function<void(const std::string& what)> gone;
    /// Durable; `crc` is of the value.
    std::function<void(schemas::Position, std::uint32_t crc)> durable;
  };

  static schemas::Result<std::unique_ptr<KafkaWriter>> start(const KafkaOptions& options, Lane lane,
                                                             std::int32_t partitions, QueueLimits limits,
                                                             Listener listener);
  /// close() without waiting.
  ~KafkaWriter() override;
  KafkaWriter(const KafkaWriter&) = delete;
  KafkaWriter& operator=(const KafkaWriter&) = delete;

  void append_to(std::int32_t partition, std::string key, std::string value, AppendDone done) override;
  std::int32_t partitions() const override;
  bool drain(std::chrono::steady_clock::time_point deadline) override;

  /// Why the last that was written was not taken; nothing once something was.
  std::optional<schemas::Error> trouble() const;

  void open_gate();
  void hold();
  void close_gate(schemas::Error why);
  /// hold(); and what was sent and has not ended ends, refused or unknown: a topic that is made under the same name
  /// must not get it.
  void abandon();

  /// What is appended from now on is refused, on the caller's thread. Waits for what is outstanding, until the
  /// deadline; the rest is refused or unknown. Repeated: does nothing.
  void close(std::chrono::steady_clock::time_point deadline);

  /// For tests: the producer behaves as after a fatal error.
  void fail_fatally();

 private:
  struct Impl;
  explicit KafkaWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
