#include "producers/publisher.h"

#include <future>
#include <utility>

#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/kafka_log.h"
#include "producers/publisher_event.h"
#include "producers/publisher_logging.h"
#include "schemas/position.h"

namespace solo::publisher {
namespace {

using producers::AppendResult;

producers::KafkaOptions kafka_options(const Options& options) {
  producers::KafkaOptions kafka;
  kafka.bootstrap = options.bootstrap;
  kafka.cluster = options.cluster;
  kafka.properties = options.properties;
  kafka.delivery_timeout = options.delivery_timeout;
  kafka.start_timeout = options.open_timeout;
  // The daemon's business, and it takes a right of its own to ask.
  kafka.check_settings = false;
  return kafka;
}

Published published(const AppendResult& result) {
  if (const auto* durable = std::get_if<producers::Durable>(&result)) {
    return {Outcome::durable, {durable->position.partition, durable->position.offset}};
  }
  if (const auto* refused = std::get_if<producers::Refused>(&result)) {
    return {Outcome::refused, {}, to_public(refused->error)};
  }
  auto error = to_public(std::get<producers::Unknown>(result).error);
  if (error.hint.empty()) error.hint = "publish the same event again: of two equal ones the second changes nothing";
  return {Outcome::unknown, {}, std::move(error)};
}

}  // namespace

std::string_view to_string(ErrorCode code) { return schemas::to_string(static_cast<schemas::ErrorCode>(code)); }

std::string to_string(Position position) {
  return schemas::to_string(schemas::Position{position.partition, position.offset});
}

std::string new_id() { return producers::SystemEntropy().uuid(); }

Error check(const Event& event) {
  const auto encoded = encode(event, producers::SystemClock().wall_us());
  return encoded ? Error() : to_public(encoded.error());
}

struct Publisher::Impl {
  producers::SystemClock clock;
  std::unique_ptr<producers::KafkaLog> log;
};

Publisher::Publisher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Publisher::~Publisher() = default;

std::unique_ptr<Publisher> Publisher::open(const Options& options, Error& why_not) {
  start_logging();
  auto impl = std::make_unique<Impl>();
  producers::SystemEntropy entropy;
  auto log = producers::KafkaLog::open(kafka_options(options), impl->clock, entropy);
  if (!log) {
    why_not = to_public(log.error());
    return nullptr;
  }
  impl->log = std::move(*log);
  return std::unique_ptr<Publisher>(new Publisher(std::move(impl)));
}

const std::string& Publisher::log_uuid() const { return impl_->log->genesis().log_uuid; }

std::int32_t Publisher::partitions() const { return impl_->log->partitions(); }

void Publisher::publish(const Event& event, Done done) {
  auto encoded = encode(event, impl_->clock.wall_us());
  if (!encoded) return done({Outcome::refused, {}, to_public(encoded.error())});
  impl_->log->commands().append(event.tenant, *std::move(encoded),
                                [done = std::move(done)](const AppendResult& result) { done(published(result)); });
}

Published Publisher::publish(const Event& event) {
  std::promise<Published> promise;
  publish(event, [&](const Published& ended) { promise.set_value(ended); });
  return promise.get_future().get();
}

bool Publisher::flush(std::chrono::milliseconds timeout) {
  return impl_->log->commands().drain(std::chrono::steady_clock::now() + timeout);
}

bool Publisher::close(std::chrono::milliseconds timeout) {
  const bool in_time = flush(timeout);
  impl_->log->close();
  return in_time;
}

}  // namespace solo::publisher
