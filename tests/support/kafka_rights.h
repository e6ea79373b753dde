// Rights on a broker that asks for them (broker_settings()): all are there, and one at a time is taken and given back.
// They are taken from everybody, this program too, but for the right to change rights.
#pragma once

#include <string>
#include <vector>

namespace solo::testing {

class KafkaRights {
 public:
  enum class Right { read, write, describe, describe_configs, idempotent_write };

  /// Broker settings with which it asks.
  static std::vector<std::string> broker_settings();

  /// Aborts the test program if the broker refuses. `bootstrap`: HOST:PORT.
  explicit KafkaRights(std::string bootstrap);

  /// On one topic, or on all ("*"); idempotent_write is on the cluster, whatever the topic. Returns when the broker has
  /// taken it; its authorizer may need a moment more.
  void take(Right right, const std::string& topic);
  void give_back(Right right, const std::string& topic);

 private:
  const std::string bootstrap_;
};

}  // namespace solo::testing
