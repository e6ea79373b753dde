// Is the topic still the log that was opened? Asked once a second, and at once when somebody doubts it (a connection
// was lost, the broker knows no such topic, this process stood still, ...); the questions: kafka_identity.h. Until the
// answer is there, nothing that was appended counts and nothing that was read is used; while no broker answers, writes
// are refused.
//
// What makes it another log, or one that has lost records: its end goes back, its beginning is gone, its genesis or
// partition count differs, or a remembered record is not where it was. That is final: only a new start looks again.
//
// Threads: every function may be called from any thread; none waits for the broker. One of its own asks. The hooks are
// called with the monitor's mutex held and must not call back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producers/event_log.h"
#include "producers/kafka_inspector.h"
#include "schemas/result.h"

namespace solo::producers {

class KafkaMonitor {
 public:
  struct Hooks {
    /// The topic is in doubt.
    std::function<void()> hold;
    /// The topic is gone: what was sent must not come into another one.
    std::function<void()> abandon;
    /// It is the log.
    std::function<void()> open;
    /// Retryable: no broker answers, or it would lose events. Otherwise: it is no longer the log.
    std::function<void(const schemas::Error&)> close;
    /// It is no longer the log; called once, without the mutex.
    std::function<void(const schemas::Error&)> lost;
  };
  /// The last records that the views have of a partition, ascending.
  using TailSource = std::function<std::vector<RecordFingerprint>(std::int32_t partition)>;

  /// Where the partitions end, whenever that has changed and the topic is the log: about once a second.
  using EndListener = std::function<void(const std::vector<Bounds>&)>;

  /// `at_open`: each partition's bounds. The inspector must outlive it.
  KafkaMonitor(KafkaInspector& inspector, Genesis genesis, std::vector<Bounds> at_open, Hooks hooks);
  ~KafkaMonitor();
  KafkaMonitor(const KafkaMonitor&) = delete;
  KafkaMonitor& operator=(const KafkaMonitor&) = delete;

  /// No call to a source that was given before is under way when this returns.
  void set_tail_source(TailSource source);
  /// Called on the monitor's thread, which it may hold up for as long as a file is written. As set_tail_source().
  void set_end_listener(EndListener listener);
  void doubt(const std::string& what);
  /// Somebody was told that there is no such topic.
  void doubt_existence(const std::string& what);
  void note_durable(schemas::Position position, std::uint32_t crc);
  /// A reader came to there: the partition goes at least so far, whoever wrote it.
  void note_read(std::int32_t partition, std::int64_t next_offset);

  /// Nothing may be written to the topic, although it is the log, and why; none: it may again.
  void forbid(std::optional<schemas::Error> why);

  Bounds bounds(std::int32_t partition) const;
  /// Not writable, too, when the topic has been in doubt for more than two seconds: what is asked for, and why.
  LogCondition condition() const;

  /// Waits until the topic is known to be the log. false: the deadline passed or `woken` is set first. An error: it is
  /// the log no more.
  schemas::Result<bool> wait_trusted(std::chrono::steady_clock::time_point deadline,
                                     const std::atomic<bool>& woken) const;
  /// Makes waiters look at their `woken`.
  void wake();

  /// Ends the thread.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
