#include "tests/support/kafka_outsider.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace solo::testing {
namespace {

constexpr int kTimeoutMs = 30'000;

[[noreturn]] void give_up(const char* what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what, why);
  std::abort();
}

/// What the delivery report said, by way of the message's opaque pointer.
struct Delivery {
  bool reported = false;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t offset = -1;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto& delivery = *static_cast<Delivery*>(message->_private);
  delivery = {true, message->err, message->offset};
}

}  // namespace

struct KafkaOutsider::Impl {
  rd_kafka_t* client = nullptr;
  ~Impl() {
    if (client != nullptr) rd_kafka_destroy(client);
  }
};

KafkaOutsider::KafkaOutsider(std::map<std::string, std::string> properties) : impl_(std::make_unique<Impl>()) {
  std::array<char, 512> words{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), words.data(), words.size()) != RD_KAFKA_CONF_OK) {
      give_up("Kafka setting", words.data());
    }
  }
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  impl_->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
  if (impl_->client == nullptr) give_up("Kafka producer", words.data());
}

KafkaOutsider::~KafkaOutsider() = default;

std::int64_t KafkaOutsider::put(const std::string& topic, std::int32_t partition, const std::string* key,
                                const std::string& value) {
  Delivery delivery;
  // librdkafka takes the bytes by pointer to non-const and copies them.
  std::string copy = value;
  const char* key_data = key == nullptr ? nullptr : key->data();
  const std::size_t key_size = key == nullptr ? 0 : key->size();
  const auto error =
      rd_kafka_producev(impl_->client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key_data, key_size),
                        RD_KAFKA_V_VALUE(copy.data(), copy.size()), RD_KAFKA_V_OPAQUE(&delivery), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("produce", rd_kafka_err2str(error));
  rd_kafka_flush(impl_->client, kTimeoutMs);
  if (!delivery.reported) give_up("produce", "no delivery report in time");
  if (delivery.error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up("produce", rd_kafka_err2str(delivery.error));
  return delivery.offset;
}

}  // namespace solo::testing
