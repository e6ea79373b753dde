// One record on its way into Kafka, and what its delivery report means. For kafka_writer*.cc alone.
#pragma once

#include <memory>
#include <string>

#include "producers/event_writer.h"
#include "producers/kafka_client.h"

namespace solo::producers {

using KafkaHeaders = std::unique_ptr<rd_kafka_headers_t, KafkaDelete<rd_kafka_headers_destroy>>;

/// CloudEvents headers, when it is an event; otherwise none.
KafkaHeaders headers_of(const std::string& value);

/// Hands the record to the producer. `value` stays where it is until the delivery report with `opaque` has come.
rd_kafka_resp_err_t produce(rd_kafka_t* client, rd_kafka_topic_t* topic, std::int32_t partition, std::string& key,
                            std::string& value, KafkaHeaders headers, void* opaque);

AppendResult result_of(const rd_kafka_message_t& report);

}  // namespace solo::producers
