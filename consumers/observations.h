// What this node saw, on its way into the log: kept in order per partition, and repeated until it is durable.
//
// Every event gets the id RUN-SEQUENCE in the order of the publish() calls and is appended at once. When one has not
// become durable, everything behind it in its partition counts as unknown too: once all of that has ended, the whole
// rest is appended again after a pause, under the same ids (apply takes each sequence once). Only if a later one got in
// although an earlier one did not, the rest gets new ids, since its old ones would be taken for duplicates.
//
// Threads: every function may be called from any thread; publish() never waits. One thread of its own repeats.
// Memory: nothing is dropped; saturated() asks those who cause observations to hold back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "producers/clock.h"
#include "producers/event_log.h"
#include "schemas/ids.h"
#include "schemas/result.h"

namespace solo::v1 {
struct EventT;
}

namespace solo::consumers {

struct PublisherOptions {
  schemas::NodeName node;
  /// The uuid of this run of the daemon.
  std::string run;
  /// STATE/outbox: observations that were not durable at shutdown.
  std::filesystem::path outbox;
  /// Pauses before a repeated append.
  std::chrono::milliseconds first_pause{20};
  std::chrono::milliseconds longest_pause{2'000};
  /// Records of one partition that may be outstanding in the log.
  std::size_t in_flight = 1'000;
  /// More than this waiting: saturated.
  std::size_t high_water = 1'000;
};

class ObservationPublisher {
 public:
  using OnDurable = std::function<void(schemas::Position)>;

  ObservationPublisher(producers::EventLog& log, producers::Clock& clock, PublisherOptions options);
  /// Ends without waiting; what is not durable is lost unless close() was called.
  ~ObservationPublisher();
  ObservationPublisher(const ObservationPublisher&) = delete;
  ObservationPublisher& operator=(const ObservationPublisher&) = delete;

  /// Queues what the former run left in the outbox, under its old ids, and removes the file once all of it is durable.
  /// Before the first publish(). Returns how many there were. A damaged outbox, or one of another log, is set aside
  /// and is an error to report, not to stop for.
  schemas::Result<std::size_t> send_outbox();

  /// Fills in id, source and time; the rest is the caller's. `durable` is called on a thread of the log, and must not
  /// wait.
  void publish(v1::EventT event, OnDurable durable = {});
  /// To a given partition: for RuntimeClaimed.
  void publish_to(std::int32_t partition, v1::EventT event, OnDurable durable = {});

  const schemas::NodeName& node() const;
  const std::string& run() const;

  /// Published and not durable yet.
  std::size_t pending() const;
  bool saturated() const;
  /// Why the head of a queue is not durable; empty while all goes well.
  std::string trouble() const;

  /// Waits until nothing is pending. false: the deadline passed first.
  bool drain(std::chrono::steady_clock::time_point deadline);

  /// Drains, then writes what is still pending to the outbox. Returns one line per event that is not in the log.
  /// Nothing may be published afterwards.
  schemas::Result<std::vector<std::string>> close(std::chrono::steady_clock::time_point deadline);

 private:
  struct Impl;
  // Shared with the appends that are outstanding in the log.
  std::shared_ptr<Impl> impl_;
};

}  // namespace solo::consumers
