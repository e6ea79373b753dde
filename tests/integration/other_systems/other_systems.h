// A daemon on a topic of three partitions, for tests of what others do to it and how it is looked at.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "schemas/partitioning.h"
#include "tests/integration/kafka/kafka_daemon.h"
#include "tests/support/kafka_outsider.h"

namespace solo::testing {

inline constexpr std::int32_t kPartitions = 3;

/// A tenant whose records are in that partition, another one for each `number`.
inline std::string tenant_in(std::int32_t partition, int number = 0) {
  for (int candidate = 0;; ++candidate) {
    auto tenant = "tenant-" + std::to_string(candidate);
    if (schemas::partition_of(tenant, kPartitions) == partition && number-- == 0) return tenant;
  }
}

/// Each test has a topic of its own on the broker they share.
class OtherSystems : public ::testing::Test {
 protected:
  static KafkaBroker& broker() { return KafkaBroker::shared(); }

  void start() { ASSERT_TRUE(daemon_.start()) << daemon_.log(); }

  Finished solo(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    return run(std::move(arguments), {"SOLO_STATE_DIR=" + daemon_.state().string()});
  }
  nlohmann::json json(std::vector<std::string> arguments, ExitCode expected = 0) const {
    arguments.emplace_back("--json");
    const Finished finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, expected) << finished.out << finished.err;
    auto value = nlohmann::json::parse(finished.out, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << finished.out << finished.err;
    return value;
  }
  /// `solo log read` on the topic, one value per record.
  std::vector<nlohmann::json> log_read(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(),
                     {"log", "read", "--json", "--kafka", broker().bootstrap(), "--cluster", cluster_});
    const Finished finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::vector<nlohmann::json> records;
    std::istringstream lines(finished.out);
    for (std::string line; std::getline(lines, line);) records.push_back(nlohmann::json::parse(line));
    return records;
  }

  std::string topic() const { return cluster_ + ".events"; }
  static std::string position(std::int32_t partition, std::int64_t offset) {
    return std::to_string(partition) + ":" + std::to_string(offset);
  }

  static int next_;
  const std::string cluster_ = "others-" + std::to_string(next_++);
  /// Records are counted: a verifier's report would be one more between one look and the next.
  Daemon daemon_{kafka_arguments(
      broker(), cluster_, {"--log-kafka-partitions", std::to_string(kPartitions), "--verifier-interval-ms", "0"})};
};

}  // namespace solo::testing
