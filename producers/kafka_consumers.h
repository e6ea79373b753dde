// The clients that the log's readers read with (consumers/kafka_reader.h). A client of librdkafka is half a dozen
// threads and two connections: up to a few partitions each have one, many share them.
//
// A client reads a partition for one reader at a time: who asks for one that is being read gets a client of its own.
//
// Threads: every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "producers/kafka_client.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::producers {

class KafkaConsumers {
 public:
  /// As long as it is there, the partition is the holder's; its client lives as long as any of its leases.
  class Lease {
   public:
    virtual ~Lease() = default;
    virtual rd_kafka_t* client() const = 0;
  };

  /// `on_error` is told of lost connections by whoever polls a client.
  KafkaConsumers(KafkaOptions options, KafkaErrorListener on_error);
  ~KafkaConsumers();
  KafkaConsumers(const KafkaConsumers&) = delete;
  KafkaConsumers& operator=(const KafkaConsumers&) = delete;

  /// `ahead_bytes`: how much is fetched ahead, of each partition. Leases end before this does.
  schemas::Result<std::unique_ptr<Lease>> lease(std::int32_t partition, std::size_t ahead_bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
