// A daemon, a broker of its own to do harm to, and what is asked of the two afterwards.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "producers/kafka_inspector.h"
#include "tests/integration/kafka/kafka_daemon.h"
#include "tests/support/kafka_outsider.h"

namespace solo::testing {

using SteadyTime = std::chrono::steady_clock::time_point;

inline milliseconds since(SteadyTime time) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - time);
}

class BrokerTrouble : public ::testing::Test {
 protected:
  explicit BrokerTrouble(KafkaBroker::Options options = {}) : broker_(std::move(options)) {}

  static constexpr milliseconds kDeliveryTimeout{2000};
  /// What publishing may take to resume once a broker takes records.
  static constexpr milliseconds kResume{1000};

  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    return kafka_arguments(broker_, "solo", std::move(more), kDeliveryTimeout);
  }
  void start(std::vector<std::string> more = {}) {
    daemon_.set_arguments(arguments(std::move(more)));
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
  }

  /// Asks by the same id until it is ok; when that was. For orders that a broker which is well may not take in time.
  SteadyTime until_ok(const v1::RequestT& request) {
    std::optional<v1::ReplyT> last;
    EXPECT_TRUE(eventually([&] { return is_ok(last = call(daemon_, request)); }, seconds(60)))
        << words_of(last) << daemon_.log();
    return std::chrono::steady_clock::now();
  }

  /// Brings the broker back, and measures how much later than a bare client of librdkafka the daemon publishes. A busy
  /// machine can hold up either of them: what took too long is measured again, with a frozen broker.
  template <class BringBack>
  void expect_resumption(const v1::RequestT& request, BringBack bring_back) {
    milliseconds later = resumption(request, bring_back);
    for (int again = 0; later >= kResume && again < 4; ++again) {
      const std::string id = "resumption-" + std::to_string(again);
      const auto probe = deploy_request(id, "probe", id, exec_spec({"/nowhere"}), v1::Wait::applied);
      broker_.freeze();
      EXPECT_TRUE(eventually([&] { return code_of(call(daemon_, probe)) == v1::ErrorCode::unavailable; }))
          << daemon_.log();
      later = resumption(probe, [&] { broker_.thaw(); });
    }
    EXPECT_LT(later, kResume) << daemon_.log();
  }

  template <class BringBack>
  milliseconds resumption(const v1::RequestT& request, BringBack bring_back) {
    std::promise<SteadyTime> bare;
    std::thread client([&] {
      KafkaOutsider outsider({{"bootstrap.servers", broker_.bootstrap()},
                              {"acks", "all"},
                              {"reconnect.backoff.ms", "20"},
                              {"reconnect.backoff.max.ms", "100"}});
      outsider.put("probe.events", 0, std::string("probe"), "probe");
      bare.set_value(std::chrono::steady_clock::now());
    });
    bring_back();
    const auto resumed = until_ok(request);
    client.join();
    const auto later = std::chrono::duration_cast<milliseconds>(resumed - bare.get_future().get());
    std::cout << "publishing resumed " << later.count() << " ms after a bare client\n";
    return later;
  }

  /// For expect_resumption(), while the broker is well.
  void make_probe_topic() {
    auto inspector = inspect("probe");
    const auto made = inspector->create(1, 1, {}, seconds(20));
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_TRUE(eventually([&] { return inspector->bounds(0, seconds(5)).has_value(); }));
  }

  std::unique_ptr<producers::KafkaInspector> inspect(const std::string& cluster = "solo") {
    producers::KafkaOptions options;
    options.bootstrap = broker_.bootstrap();
    options.cluster = cluster;
    auto inspector = producers::KafkaInspector::start(options);
    EXPECT_TRUE(inspector) << inspector.error().message;
    return *std::move(inspector);
  }

  /// Every record there is, once the broker answers.
  std::vector<schemas::LogRecord> records(std::int32_t partition = 0) {
    auto inspector = inspect();
    schemas::Result<producers::Bounds> bounds;
    EXPECT_TRUE(eventually([&] { return (bounds = inspector->bounds(partition, seconds(5))).has_value(); }));
    if (!bounds) return {};
    auto found = inspector->read(partition, 0, bounds->end, seconds(30));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *std::move(found) : std::vector<schemas::LogRecord>();
  }

  /// Nothing: there is no such service. Any other refusal is no answer to that, and a test failure.
  std::optional<v1::ServiceStatusT> status_of(const std::string& service) {
    const auto reply = call(daemon_, status_request("acme", service));
    const auto* status = is_ok(reply) ? reply->body.AsServiceStatus() : nullptr;
    if (status != nullptr) return *status;
    EXPECT_EQ(code_of(reply), v1::ErrorCode::not_found) << words_of(reply);
    return std::nullopt;
  }

  /// 0: there is no such service.
  std::uint64_t generation_of(const std::string& service) {
    const auto status = status_of(service);
    return status ? status->generation : 0;
  }

  /// Reads answer from the views, at once, whatever the broker does. A busy machine can hold up one or the other, a
  /// broker that is waited for holds up each.
  void expect_reads() {
    milliseconds quickest = milliseconds::max();
    for (int times = 0; times < 3 && quickest >= seconds(1); ++times) {
      const auto began = std::chrono::steady_clock::now();
      EXPECT_EQ(generation_of("web"), 1u);
      quickest = std::min(quickest, since(began));
    }
    EXPECT_LT(quickest, seconds(1));
  }

  bool says(const std::string& words) const { return daemon_.log().find(words) != std::string::npos; }

  KafkaBroker broker_;
  Daemon daemon_;
};

}  // namespace solo::testing
