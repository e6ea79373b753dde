// A command plane in this process, for benchmarks: gateway, embedded log and views, and no runtime.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "consumers/embedded_reader.h"
#include "consumers/projector.h"
#include "producers/clock.h"
#include "producers/embedded_log.h"
#include "producers/entropy.h"
#include "producers/gateway.h"
#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tokens.h"

namespace solo::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

template <class T>
T taken(schemas::Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

class NoHost final : public producers::HostPort {
 public:
  schemas::Result<producers::OutputTail> output(const schemas::ServiceKey&, std::size_t) override {
    return producers::OutputTail{};
  }
};

class NoHealth final : public producers::HealthPort {
 public:
  void fill(v1::HealthReportT&) override {}
};

/// A daemon without a runtime.
class Plane {
 public:
  explicit Plane(producers::GatewayOptions options = {}) {
    producers::EmbeddedLogOptions log_options;
    log_options.directory = dir_.path() / "log";
    log_ = taken(producers::EmbeddedLog::open(log_options, clock_, entropy_));
    projections::ViewOptions view_options;
    view_options.directory = dir_.path() / "views";
    view_options.log_uuid = log_->genesis().log_uuid;
    views_ = taken(projections::Views::open(view_options, nullptr));
    tokens_ = std::make_unique<projections::TokenChecker>(*views_);
    options.endpoints.insert(options.endpoints.begin(), endpoint());
    gateway_ = std::make_unique<producers::Gateway>(options, *log_, *views_, *tokens_, host_, health_, clock_);
    projector_ = std::make_unique<consumers::Projector>(
        *views_,
        [this](std::int32_t, std::int64_t from) -> schemas::Result<std::unique_ptr<consumers::EventReader>> {
          return std::make_unique<consumers::EmbeddedReader>(*log_, from);
        },
        [](std::int32_t, const schemas::Error& error) { give_up(error.message); });
    subscription_ = projector_->listen([this](const projections::ViewChange& change) { gateway_->on_change(change); });
    if (auto started = projector_->start(); !started) give_up(started.error().message);
    if (auto started = gateway_->start(); !started) give_up(started.error().message);
    log_->commands().append("system", schemas::encode(testing::test_root_event()), [](producers::AppendResult) {});
    while (views_->partition(0).next_offset() < 2) std::this_thread::yield();
  }
  ~Plane() {
    gateway_->stop();
    subscription_.reset();
    projector_.reset();
  }
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  std::string endpoint() const { return "ipc://" + (dir_.path() / "command.sock").string(); }
  const std::filesystem::path& directory() const { return dir_.path(); }
  const producers::Gateway& gateway() const { return *gateway_; }

 private:
  testing::TempDir dir_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  NoHost host_;
  NoHealth health_;
  std::unique_ptr<producers::EmbeddedLog> log_;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<projections::TokenChecker> tokens_;
  std::unique_ptr<producers::Gateway> gateway_;
  std::unique_ptr<consumers::Projector> projector_;
  consumers::Projector::Subscription subscription_;
};

}  // namespace solo::bench
