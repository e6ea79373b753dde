// Writes to a topic what it is told to, as another system would: no rules, no headers, plain librdkafka.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace solo::testing {

class KafkaOutsider {
 public:
  /// librdkafka's settings; bootstrap.servers at least. Aborts the test program if they are refused.
  explicit KafkaOutsider(std::map<std::string, std::string> properties);
  ~KafkaOutsider();
  KafkaOutsider(const KafkaOutsider&) = delete;
  KafkaOutsider& operator=(const KafkaOutsider&) = delete;

  /// The offset it got; aborts the test program if the broker does not take it within 30 s. No key: nullptr.
  std::int64_t put(const std::string& topic, std::int32_t partition, const std::string* key, const std::string& value);
  std::int64_t put(const std::string& topic, std::int32_t partition, const std::string& key, const std::string& value) {
    return put(topic, partition, &key, value);
  }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::testing
