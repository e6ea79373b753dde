#include "producers/kafka_consumers.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace solo::producers {

using schemas::fail;
using schemas::Result;

namespace {

/// More do not read faster: a machine has not that many cores for them.
constexpr std::size_t kShared = 8;
constexpr std::size_t kLeastAhead = 1024 * 1024;

struct Client {
  KafkaHandle handle;
  std::size_t ahead_bytes = 0;
  std::mutex mutex;
  std::set<std::int32_t> partitions;

  bool take(std::int32_t partition) {
    const std::lock_guard lock(mutex);
    return partitions.insert(partition).second;
  }
  void give_back(std::int32_t partition) {
    const std::lock_guard lock(mutex);
    partitions.erase(partition);
  }
};

class Held final : public KafkaConsumers::Lease {
 public:
  Held(std::shared_ptr<Client> from, std::int32_t partition) : from_(std::move(from)), partition_(partition) {}
  ~Held() override { from_->give_back(partition_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  rd_kafka_t* client() const override { return from_->handle.get(); }

 private:
  std::shared_ptr<Client> from_;
  const std::int32_t partition_;
};

}  // namespace

struct KafkaConsumers::Impl {
  const KafkaOptions options;
  const KafkaErrorListener on_error;
  std::mutex mutex;
  std::array<std::weak_ptr<Client>, kShared> shared;

  Result<std::shared_ptr<Client>> make(std::size_t ahead_bytes) const {
    const auto kilobytes = std::max(ahead_bytes, kLeastAhead) / 1024;
    auto made = make_kafka_client(options, KafkaRole::reader,
                                  {{"queued.min.messages", "1000000"},
                                   {"queued.max.messages.kbytes", std::to_string(kilobytes)},
                                   {"fetch.message.max.bytes", "8388608"}},
                                  &on_error);
    if (!made) return fail(made.error());
    auto client = std::make_shared<Client>();
    client->handle = std::move(*made);
    client->ahead_bytes = ahead_bytes;
    return client;
  }
};

KafkaConsumers::KafkaConsumers(KafkaOptions options, KafkaErrorListener on_error)
    : impl_(new Impl{std::move(options), std::move(on_error), {}, {}}) {}

KafkaConsumers::~KafkaConsumers() = default;

Result<std::unique_ptr<KafkaConsumers::Lease>> KafkaConsumers::lease(std::int32_t partition, std::size_t ahead_bytes) {
  const std::lock_guard lock(impl_->mutex);
  auto& place = impl_->shared.at(static_cast<std::size_t>(std::max(partition, 0)) % kShared);
  const auto there = place.lock();
  if (there != nullptr && there->ahead_bytes == ahead_bytes && there->take(partition)) {
    return std::make_unique<Held>(there, partition);
  }
  const auto made = impl_->make(ahead_bytes);
  if (!made) return fail(made.error());
  if (there == nullptr) place = *made;
  (*made)->take(partition);
  return std::make_unique<Held>(*made, partition);
}

}  // namespace solo::producers
