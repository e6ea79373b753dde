// librdkafka's mock cluster: one broker in this process, with the log's topic, empty. It can be told to fail.
#pragma once

#include <librdkafka/rdkafka.h>
// Needs the other one before it.
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "producers/kafka_client.h"
#include "producers/kafka_options.h"

namespace solo::testing {

class MockCluster {
 public:
  explicit MockCluster(std::int32_t partitions) : partitions_(partitions) {
    std::array<char, 512> words{};
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, nullptr, words.data(), words.size()));
    if (client_ == nullptr) give_up();
    cluster_.reset(rd_kafka_mock_cluster_new(client_.get(), 1));
    if (cluster_ == nullptr) give_up();
    const auto topic = producers::events_topic(options().cluster);
    if (rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      give_up();
    }
  }

  std::int32_t partitions() const { return partitions_; }

  producers::KafkaOptions options() const {
    producers::KafkaOptions options;
    options.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_.get());
    options.check_settings = false;
    // The mock answers a fetch only when this is over, whatever has come meanwhile.
    options.properties["fetch.wait.max.ms"] = "10";
    options.start_timeout = std::chrono::seconds(20);
    return options;
  }

  /// The next requests of this kind are answered so. `api_key` is the protocol's number: 0 is Produce.
  void answer_next(std::int16_t api_key, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_.get(), api_key, errors.size(), errors.data());
  }
  /// Every answer takes so long from now on.
  void set_round_trip(int milliseconds) { rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, milliseconds); }
  /// Connections are closed and none is taken.
  void set_down() { rd_kafka_mock_broker_set_down(cluster_.get(), 1); }
  void set_up() { rd_kafka_mock_broker_set_up(cluster_.get(), 1); }

 private:
  [[noreturn]] static void give_up() {
    std::fprintf(stderr, "librdkafka's mock cluster does not start\n");
    std::abort();
  }

  const std::int32_t partitions_;
  producers::KafkaHandle client_;
  std::unique_ptr<rd_kafka_mock_cluster_t, producers::KafkaDelete<rd_kafka_mock_cluster_destroy>> cluster_;
};

}  // namespace solo::testing
