// Connections that stay open while what goes through them is lost: the hardest case for "never twice" and "in order".
#include "consumers/observations.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/kafka_log.h"
#include "schemas/codec.h"
#include "tests/integration/kafka_trouble/trouble.h"
#include "tests/support/tcp_proxy.h"

namespace solo::testing {
namespace {

using producers::AppendResult;
using producers::Durable;
using producers::Refused;
using producers::Unknown;
using Mode = TcpProxy::Mode;

KafkaBroker::Options behind(const TcpProxy& proxy) {
  KafkaBroker::Options options;
  // What it tells its clients to connect to.
  options.settings = {"advertised.listeners=CLIENTS://" + proxy.address()};
  return options;
}

class BlackHole : public ::testing::Test {
 protected:
  static constexpr milliseconds kDeliveryTimeout{2000};

  BlackHole() : broker_(behind(proxy_)) {
    proxy_.set_target(broker_.bootstrap());
    options_.bootstrap = proxy_.address();
    options_.delivery_timeout = kDeliveryTimeout;
    auto opened = producers::KafkaLog::open(options_, clock_, entropy_, producers::NewKafkaTopic{});
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }

  std::future<AppendResult> start(producers::EventWriter& writer, std::string value) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    writer.append("acme", std::move(value), [promise](AppendResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  }
  AppendResult put(std::string value) { return start(log_->commands(), std::move(value)).get(); }

  /// What is in the log behind its genesis.
  std::vector<std::string> values() {
    auto inspector = producers::KafkaInspector::start(options_);
    schemas::Result<producers::Bounds> bounds;
    EXPECT_TRUE(eventually([&] { return (bounds = (*inspector)->bounds(0, seconds(5))).has_value(); }));
    const auto records = (*inspector)->read(0, 1, bounds->end, seconds(30));
    EXPECT_TRUE(records) << records.error().message;
    std::vector<std::string> found;
    for (const auto& record : *records) found.push_back(record.value);
    return found;
  }

  void until_durable(const std::string& value) {
    EXPECT_TRUE(eventually([&] { return std::holds_alternative<Durable>(put(value)); }, seconds(60)))
        << log_->condition().detail;
  }

  TcpProxy proxy_;
  KafkaBroker broker_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  producers::KafkaOptions options_;
  std::unique_ptr<producers::KafkaLog> log_;
};

TEST_F(BlackHole, ACommandItSwallowedIsUnknownAndIsNeverSentAgain) {
  until_durable("before");
  const auto swallowed = proxy_.swallowed();
  proxy_.set_mode(Mode::swallow);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(std::holds_alternative<Unknown>(put("swallowed")));
  EXPECT_GE(since(began), kDeliveryTimeout / 2);
  EXPECT_LT(since(began), 3 * kDeliveryTimeout);
  EXPECT_GT(proxy_.swallowed(), swallowed);
  // Once it is known, nothing is sent.
  EXPECT_TRUE(std::holds_alternative<Refused>(put("refused")));
  proxy_.set_mode(Mode::forward);
  until_durable("after");
  // Whatever the producer still had would have to come before its end.
  log_->close();
  for (const auto& value : values()) EXPECT_TRUE(value == "before" || value == "after") << value;
}

TEST_F(BlackHole, ACommandWhoseAnswerItSwallowedIsUnknownAndInTheLogOnce) {
  until_durable("before");
  proxy_.set_mode(Mode::swallow_answers);
  EXPECT_TRUE(std::holds_alternative<Unknown>(put("written")));
  proxy_.set_mode(Mode::forward);
  until_durable("after");
  log_->close();
  const auto found = values();
  EXPECT_EQ(std::count(found.begin(), found.end(), "written"), 1);
}

/// Publishes three observations into it, and three more behind it; what the log has of them in the end.
class QueuedObservations : public BlackHole, public ::testing::WithParamInterface<Mode> {};

TEST_P(QueuedObservations, HaveInTheLogTheOrderTheyWereMadeIn) {
  const TempDir directory;
  consumers::ObservationPublisher publisher(
      *log_, clock_, {.node = schemas::NodeName::trusted("node"), .run = "run", .outbox = directory.path() / "outbox"});
  const auto publish = [&](int number) {
    v1::EventT event;
    event.tenant = "acme";
    event.payload.Set(v1::SystemShutdownStartedT{});
    event.payload.AsSystemShutdownStarted()->reason = std::to_string(number);
    publisher.publish(std::move(event));
  };
  publish(0);
  ASSERT_TRUE(publisher.drain(std::chrono::steady_clock::now() + seconds(20)));
  proxy_.set_mode(GetParam());
  const auto connections = proxy_.accepted();
  for (int number = 1; number <= 3; ++number) publish(number);
  // Past the delivery timeout, and past the producer's own: it has given up the connection and made another.
  EXPECT_FALSE(std::holds_alternative<Durable>(put("command")));
  EXPECT_TRUE(eventually([&] { return proxy_.accepted() >= connections + 4; }, seconds(60)));
  EXPECT_EQ(publisher.pending(), 3u);
  for (int number = 4; number <= 6; ++number) publish(number);
  proxy_.set_mode(Mode::forward);
  ASSERT_TRUE(publisher.drain(std::chrono::steady_clock::now() + seconds(60))) << publisher.trouble();
  std::string order;
  std::string ids;
  for (const auto& value : values()) {
    const auto event = schemas::decode_event(value);
    if (event && event->payload.AsSystemShutdownStarted() != nullptr) {
      order += event->payload.AsSystemShutdownStarted()->reason;
    }
  }
  EXPECT_EQ(order, "0123456");
}

INSTANTIATE_TEST_SUITE_P(Both, QueuedObservations, ::testing::Values(Mode::swallow, Mode::swallow_answers),
                         [](const auto& one) { return one.param == Mode::swallow ? "BlackHole" : "NoAnswers"; });

TEST_F(BlackHole, AFatalErrorOfTheProducersIsRecoveredFromInOrderAndOnce) {
  const TempDir directory;
  consumers::ObservationPublisher publisher(
      *log_, clock_, {.node = schemas::NodeName::trusted("node"), .run = "run", .outbox = directory.path() / "outbox"});
  const auto publish = [&](int number) {
    v1::EventT event;
    event.tenant = "acme";
    event.payload.Set(v1::SystemShutdownStartedT{});
    event.payload.AsSystemShutdownStarted()->reason = std::to_string(number);
    publisher.publish(std::move(event));
  };
  until_durable("before");
  for (int number = 0; number < 200; ++number) {
    publish(number);
    if (number % 50 == 25) log_->fail_fatally();
  }
  ASSERT_TRUE(publisher.drain(std::chrono::steady_clock::now() + seconds(60))) << publisher.trouble();
  until_durable("after");
  // An observation that was in the log although its producer could not tell is there twice under one id: apply takes
  // each sequence once. The order of the first ones is the order they were made in.
  int next = 0;
  for (const auto& value : values()) {
    const auto event = schemas::decode_event(value);
    const auto* made = event ? event->payload.AsSystemShutdownStarted() : nullptr;
    if (made != nullptr && made->reason == std::to_string(next)) ++next;
  }
  EXPECT_EQ(next, 200);
}

}  // namespace
}  // namespace solo::testing
