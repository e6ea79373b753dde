// What the Kafka log makes of errors that a broker can be told to give.
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "consumers/kafka_reader.h"
#include "producers/kafka_log.h"
#include "producers/kafka_writer.h"
#include "tests/support/mock_cluster.h"

namespace solo::testing {
namespace {

using producers::AppendResult;
using producers::Durable;
using producers::Refused;
using producers::Unknown;
using schemas::ErrorCode;
using namespace std::chrono_literals;

constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kInitProducerId = 22;
constexpr auto kPatience = 30s;

class KafkaErrors : public ::testing::Test {
 protected:
  /// Long, so that what is not to time out does not on a busy machine either.
  explicit KafkaErrors(std::chrono::milliseconds delivery_timeout = 15s) {
    auto options = cluster_.options();
    options.delivery_timeout = delivery_timeout;
    options.on_fatal = [this](const schemas::Error& error) { fatal_.set_value(error); };
    auto opened = producers::KafkaLog::open(options, clock_, entropy_, producers::NewKafkaTopic{});
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }

  std::future<AppendResult> start(producers::EventWriter& writer, std::string value) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    auto future = promise->get_future();
    writer.append("acme", std::move(value), [promise](AppendResult result) { promise->set_value(std::move(result)); });
    return future;
  }

  AppendResult end_of(std::future<AppendResult> future) {
    if (future.wait_for(kPatience) == std::future_status::ready) return future.get();
    ADD_FAILURE() << "the append did not end";
    return Unknown{};
  }

  AppendResult put(std::string value) { return end_of(start(log_->commands(), std::move(value))); }

  /// The values behind the genesis.
  std::vector<std::string> read(std::size_t count) {
    auto reader = consumers::KafkaReader::open(*log_, 0, 1);
    std::vector<std::string> values;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (values.size() < count && std::chrono::steady_clock::now() < deadline) {
      const auto records = (*reader)->read({}, 100ms);
      if (!records) {
        ADD_FAILURE() << records.error().message;
        break;
      }
      for (const auto& record : *records) values.push_back(record.value);
    }
    return values;
  }

  bool writable_again() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (std::holds_alternative<Durable>(put("probe"))) return true;
    }
    return false;
  }

  MockCluster cluster_{1};
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  std::promise<schemas::Error> fatal_;
  std::unique_ptr<producers::KafkaLog> log_;
};

/// What is not delivered is given up soon.
class KafkaTimeouts : public KafkaErrors {
 protected:
  KafkaTimeouts() : KafkaErrors(1000ms) {}
};

TEST_F(KafkaErrors, WhatTheBrokerForbidsIsRefused) {
  cluster_.answer_next(kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const auto result = put("forbidden");
  ASSERT_TRUE(std::holds_alternative<Refused>(result));
  EXPECT_EQ(std::get<Refused>(result).error.code, ErrorCode::permission_denied);
}

TEST_F(KafkaErrors, ATemporaryErrorIsRetriedAndTheRecordIsThereOnce) {
  cluster_.answer_next(kProduce, {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  EXPECT_TRUE(std::holds_alternative<Durable>(put("a")));
  EXPECT_TRUE(std::holds_alternative<Durable>(put("b")));
  EXPECT_EQ(read(2), (std::vector<std::string>{"a", "b"}));
}

TEST_F(KafkaTimeouts, ACommandThatNoBrokerGotIsRefusedAndWritesComeBackByThemselves) {
  cluster_.set_down();
  // The first may meet the connection before its end is known.
  const auto first = put("first");
  EXPECT_FALSE(std::holds_alternative<Durable>(first));
  const auto second = put("second");
  ASSERT_TRUE(std::holds_alternative<Refused>(second));
  EXPECT_EQ(std::get<Refused>(second).error.code, ErrorCode::unavailable);
  EXPECT_TRUE(std::get<Refused>(second).error.retryable);
  cluster_.set_up();
  EXPECT_TRUE(writable_again()) << log_->condition().detail;
}

TEST_F(KafkaTimeouts, ACommandThatWasSentAndNotAnsweredIsUnknown) {
  ASSERT_TRUE(writable_again()) << log_->condition().detail;
  cluster_.set_round_trip(3000);
  EXPECT_TRUE(std::holds_alternative<Unknown>(put("slow")));
  cluster_.set_round_trip(0);
  EXPECT_TRUE(writable_again()) << log_->condition().detail;
}

TEST_F(KafkaTimeouts, ObservationsOutliveTheDeliveryTimeoutInOrder) {
  ASSERT_TRUE(std::holds_alternative<Durable>(end_of(start(log_->observations(), "0"))));
  cluster_.set_down();
  std::vector<std::future<AppendResult>> endings;
  for (const auto* value : {"1", "2", "3"}) endings.push_back(start(log_->observations(), value));
  EXPECT_EQ(endings.front().wait_for(2500ms), std::future_status::timeout);
  cluster_.set_up();
  for (auto& ending : endings) EXPECT_TRUE(std::holds_alternative<Durable>(end_of(std::move(ending))));
  EXPECT_EQ(read(4), (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST_F(KafkaErrors, AFatalErrorOfTheProducersIsRecoveredFrom) {
  ASSERT_TRUE(std::holds_alternative<Durable>(put("before")));
  log_->fail_fatally();
  EXPECT_TRUE(writable_again()) << log_->condition().detail;
  // One that the failing producer took may be lost with it: its publisher repeats it.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  bool durable = false;
  while (!durable && std::chrono::steady_clock::now() < deadline) {
    durable = std::holds_alternative<Durable>(end_of(start(log_->observations(), "after")));
  }
  EXPECT_TRUE(durable);
}

TEST_F(KafkaErrors, AProducerThatMayNotWriteIsReplacedWithPausesAndCommandsAreRefusedAtOnceUntilOneMay) {
  ASSERT_TRUE(std::holds_alternative<Durable>(put("before")));
  // A few for each lane: 100 ms, 200 ms, ... apart.
  constexpr std::size_t kDenials = 8;
  cluster_.answer_next(kInitProducerId,
                       std::vector<rd_kafka_resp_err_t>(kDenials, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED));
  log_->fail_fatally();
  const auto began = std::chrono::steady_clock::now();
  AppendResult result;
  do {
    result = put("refused");
    ASSERT_LT(std::chrono::steady_clock::now() - began, kPatience);
  } while (!std::holds_alternative<Refused>(result) ||
           std::get<Refused>(result).error.code != ErrorCode::permission_denied);
  EXPECT_NE(std::get<Refused>(result).error.hint.find("IDEMPOTENT_WRITE on the cluster"), std::string::npos);
  EXPECT_FALSE(log_->condition().writable);
  EXPECT_NE(log_->condition().detail.find("authorization failed"), std::string::npos) << log_->condition().detail;
  const auto asked = std::chrono::steady_clock::now();
  EXPECT_TRUE(std::holds_alternative<Refused>(put("at once")));
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 1s);
  while (!std::holds_alternative<Durable>(put("after"))) {
    ASSERT_LT(std::chrono::steady_clock::now() - began, kPatience) << log_->condition().detail;
  }
  // At the very least half of the denials were one lane's.
  EXPECT_GT(std::chrono::steady_clock::now() - began, 100ms + 200ms + 400ms);
  EXPECT_TRUE(std::holds_alternative<Durable>(end_of(start(log_->observations(), "observed"))));
  EXPECT_TRUE(log_->condition().writable) << log_->condition().detail;
}

TEST_F(KafkaErrors, TheConditionNamesTheRightThatIsMissingUntilSomethingIsWritten) {
  cluster_.answer_next(kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const auto result = put("forbidden");
  ASSERT_TRUE(std::holds_alternative<Refused>(result));
  EXPECT_NE(std::get<Refused>(result).error.hint.find("WRITE on topic solo.events"), std::string::npos);
  EXPECT_FALSE(log_->condition().writable);
  EXPECT_NE(log_->condition().detail.find("WRITE on topic solo.events"), std::string::npos);
  EXPECT_TRUE(writable_again()) << log_->condition().detail;
  EXPECT_TRUE(log_->condition().writable) << log_->condition().detail;
}

TEST(KafkaWriter, EndsACommandThatBecameDurableInDoubtSoonAfterItsDeliveryTimeout) {
  MockCluster cluster{1};
  auto options = cluster.options();
  options.delivery_timeout = 1000ms;
  auto made = producers::KafkaWriter::start(options, producers::Lane::commands, 1, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  auto& writer = **made;
  const auto append = [&](const char* value) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    writer.append("acme", value, [promise](AppendResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  };
  auto first = append("first");
  ASSERT_EQ(first.wait_for(kPatience), std::future_status::ready);
  cluster.set_round_trip(200);
  auto untold = append("untold");
  writer.hold();
  auto behind = append("behind");
  ASSERT_EQ(untold.wait_for(kPatience), std::future_status::ready) << "it blocks everything behind it";
  EXPECT_TRUE(std::holds_alternative<Unknown>(untold.get()));
  ASSERT_EQ(behind.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(std::holds_alternative<Refused>(behind.get()));
  EXPECT_TRUE(writer.drain(std::chrono::steady_clock::now() + 1s));
}

TEST_F(KafkaTimeouts, WhatIsOutstandingWhenTheLogIsClosedEndsWithoutABroker) {
  cluster_.set_down();
  auto command = start(log_->commands(), "command");
  auto observation = start(log_->observations(), "observation");
  log_.reset();
  EXPECT_FALSE(std::holds_alternative<Durable>(end_of(std::move(command))));
  EXPECT_FALSE(std::holds_alternative<Durable>(end_of(std::move(observation))));
}

}  // namespace
}  // namespace solo::testing
