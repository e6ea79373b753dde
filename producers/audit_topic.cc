#include "producers/audit_topic.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "producers/kafka_client.h"
#include "schemas/codec.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::fail;
using schemas::Result;

constexpr std::chrono::milliseconds kAnswer{10'000};
/// How long finish() waits for the broker.
constexpr std::chrono::milliseconds kLast{2'000};

}  // namespace

std::string audit_topic(const std::string& cluster) { return cluster + ".audit"; }

Result<bool> make_audit_topic(KafkaInspector& inspector, std::int32_t replication, std::chrono::hours retention) {
  const auto existing = inspector.partitions(kAnswer);
  if (existing) return false;
  if (existing.error().code != schemas::ErrorCode::not_found) return fail(existing.error());
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(retention).count();
  const auto made = inspector.create(
      1, replication, {{"cleanup.policy", "delete"}, {"retention.ms", std::to_string(milliseconds)}}, kAnswer);
  if (made) return true;
  if (made.error().code == schemas::ErrorCode::already_exists) return false;
  return fail(made.error());
}

struct AuditTopic::Impl {
  std::string topic;
  KafkaHandle client;
  KafkaQueue queue;
  std::atomic<std::size_t> pending{0};
  std::atomic<std::uint64_t> lost{0};
  mutable std::mutex mutex;
  std::string trouble;

  void set_trouble(std::string text) {
    const std::lock_guard lock(mutex);
    trouble = std::move(text);
  }
  void serve(std::chrono::milliseconds wait);
};

/// What became of those handed on.
void AuditTopic::Impl::serve(std::chrono::milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(std::max<std::int64_t>(left.count(), 0))));
    if (event == nullptr) break;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
      const auto code = rd_kafka_event_error(event.get());
      if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) set_trouble("no Kafka broker answers");
      continue;
    }
    while (const auto* message = rd_kafka_event_message_next(event.get())) {
      --pending;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        set_trouble({});
        continue;
      }
      ++lost;
      set_trouble(fmt::format("topic {}: {}", topic, rd_kafka_err2str(message->err)));
    }
  } while (wait.count() == 0 || pending != 0);
}

Result<std::unique_ptr<AuditTopic>> AuditTopic::open(const KafkaOptions& options) {
  const auto delivery = std::chrono::duration_cast<std::chrono::milliseconds>(kAuditDelivery).count();
  // One replica's word is enough: no command rests on it. And it takes little memory when the broker is away.
  auto client = make_kafka_client(options, KafkaRole::commands,
                                  {{"acks", "1"},
                                   {"enable.idempotence", "false"},
                                   {"linger.ms", "100"},
                                   {"message.timeout.ms", std::to_string(delivery)},
                                   // A topic that was not to be written to is tried again after its next metadata.
                                   {"topic.metadata.refresh.interval.ms", "10000"},
                                   {"queue.buffering.max.messages", "20000"},
                                   {"queue.buffering.max.kbytes", "16384"}});
  if (!client) return fail(client.error());
  auto impl = std::make_unique<Impl>();
  impl->topic = audit_topic(options.cluster);
  impl->client = *std::move(client);
  impl->queue = KafkaQueue(rd_kafka_queue_get_main(impl->client.get()));
  return std::unique_ptr<AuditTopic>(new AuditTopic(std::move(impl)));
}

AuditTopic::AuditTopic(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AuditTopic::~AuditTopic() {
  // Without it librdkafka would go on trying for those that are left.
  rd_kafka_purge(impl_->client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

Result<void> AuditTopic::write(const std::vector<std::string>& records) {
  impl_->serve({});
  for (const std::string& record : records) {
    const auto event = schemas::view_event(record);
    const std::string_view key =
        event && (*event)->tenant() != nullptr ? (*event)->tenant()->string_view() : schemas::kSystemTenant;
    const auto sent =
        rd_kafka_producev(impl_->client.get(), RD_KAFKA_V_TOPIC(impl_->topic.c_str()),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data(), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(record.data()), record.size()), RD_KAFKA_V_END);
    if (sent == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++impl_->pending;
    } else {
      // Those before it are on their way: it alone is lost.
      ++impl_->lost;
      impl_->set_trouble(fmt::format("topic {}: {}", impl_->topic, rd_kafka_err2str(sent)));
    }
  }
  return {};
}

void AuditTopic::tidy() { impl_->serve({}); }

void AuditTopic::finish() {
  if (impl_->pending != 0) impl_->serve(kLast);
}

AuditSink::Condition AuditTopic::condition() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->pending, impl_->lost, impl_->trouble};
}

}  // namespace solo::producers
