// A command plane in this process with its log in Kafka, for benchmarks: gateway, views, and no runtime.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "consumers/kafka_reader.h"
#include "consumers/projector.h"
#include "producers/gateway.h"
#include "producers/kafka_log.h"
#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "tests/bench/plane.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tokens.h"

namespace solo::bench {

/// Reads a Kafka log from where the views stand.
inline consumers::Projector::OpenReader kafka_reader_of(producers::KafkaLog& log) {
  return [&log](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<consumers::EventReader>> {
    return consumers::KafkaReader::open(log, partition, from);
  };
}

inline std::unique_ptr<projections::Views> views_of(const producers::KafkaLog& log,
                                                    const std::filesystem::path& directory) {
  projections::ViewOptions options;
  options.directory = directory;
  options.log_uuid = log.genesis().log_uuid;
  return taken(projections::Views::open(options, nullptr));
}

/// Of a log that has its genesis alone; it must outlive this.
class KafkaPlane {
 public:
  explicit KafkaPlane(producers::KafkaLog& log)
      : views_(views_of(log, directory_.path() / "views")),
        tokens_(*views_),
        gateway_({.endpoints = {endpoint()}}, log, *views_, tokens_, host_, health_, clock_),
        projector_(*views_, kafka_reader_of(log),
                   [](std::int32_t, const schemas::Error& error) { give_up(error.message); }),
        subscription_(
            projector_.listen([this](const projections::ViewChange& change) { gateway_.on_change(change); })) {
    if (auto started = projector_.start(); !started) give_up(started.error().message);
    if (auto started = gateway_.start(); !started) give_up(started.error().message);
    log.commands().append("system", schemas::encode(testing::test_root_event()), [](producers::AppendResult) {});
    while (views_->partition(0).next_offset() < 2) std::this_thread::yield();
  }
  ~KafkaPlane() { gateway_.stop(); }
  KafkaPlane(const KafkaPlane&) = delete;
  KafkaPlane& operator=(const KafkaPlane&) = delete;

  std::string endpoint() const { return "ipc://" + (directory_.path() / "command.sock").string(); }

 private:
  testing::TempDir directory_;
  producers::SystemClock clock_;
  NoHost host_;
  NoHealth health_;
  std::unique_ptr<projections::Views> views_;
  projections::TokenChecker tokens_;
  producers::Gateway gateway_;
  consumers::Projector projector_;
  consumers::Projector::Subscription subscription_;
};

}  // namespace solo::bench
