#include "producers/kafka_message.h"

#include <array>

#include "schemas/cloudevents.h"

namespace solo::producers {
namespace {

using KafkaError = std::unique_ptr<rd_kafka_error_t, KafkaDelete<rd_kafka_error_destroy>>;

}  // namespace

KafkaHeaders headers_of(const std::string& value) {
  constexpr std::size_t kHeaders = 7;
  KafkaHeaders list(rd_kafka_headers_new(kHeaders));
  const bool described = schemas::for_each_cloudevents_header(value, [&](std::string_view name, std::string_view text) {
    rd_kafka_header_add(list.get(), name.data(), static_cast<ssize_t>(name.size()), text.data(),
                        static_cast<ssize_t>(text.size()));
  });
  return described ? std::move(list) : nullptr;
}

rd_kafka_resp_err_t produce(rd_kafka_t* client, rd_kafka_topic_t* topic, std::int32_t partition, std::string& key,
                            std::string& value, KafkaHeaders headers, void* opaque) {
  std::array<rd_kafka_vu_t, 6> parts{};
  std::size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    auto& part = parts.at(count++);
    part.vtype = type;
    return part;
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
  auto& payload = add(RD_KAFKA_VTYPE_VALUE).u.mem;
  payload.ptr = value.data();
  payload.size = value.size();
  auto& name = add(RD_KAFKA_VTYPE_KEY).u.mem;
  name.ptr = key.data();
  name.size = key.size();
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque;
  if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  const KafkaError error(rd_kafka_produceva(client, parts.data(), count));
  if (error != nullptr) return rd_kafka_error_code(error.get());
  (void)headers.release();  // the message owns them now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

AppendResult result_of(const rd_kafka_message_t& report) {
  if (report.err == RD_KAFKA_RESP_ERR_NO_ERROR) return Durable{{report.partition, report.offset}};
  auto error = kafka_error(report.err, "appending");
  if (rd_kafka_message_status(&report) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED) return Refused{std::move(error)};
  return Unknown{std::move(error)};
}

}  // namespace solo::producers
