#include "producers/audit_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "producers/audit_files.h"
#include "producers/audit_topic.h"
#include "producers/kafka_inspector.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

constexpr std::int64_t kRecordsAtOnce = 1'000;
constexpr std::int64_t kMaxLookedAt = 20'000;
constexpr std::size_t kMaxPageBytes = 512 * 1024;
constexpr std::string_view kEveryTenant = "*";

class FileSource final : public AuditSource {
 public:
  explicit FileSource(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Result<Bounds> bounds() override { return audit_bounds(directory_); }
  Result<std::vector<LogRecord>> read(std::int64_t from, std::int64_t to) override {
    return read_audit(directory_, from, static_cast<std::size_t>(std::min(to - from, kRecordsAtOnce)));
  }

 private:
  std::filesystem::path directory_;
};

class TopicSource final : public AuditSource {
 public:
  TopicSource(std::unique_ptr<KafkaInspector> inspector, std::chrono::milliseconds timeout)
      : inspector_(std::move(inspector)), timeout_(timeout) {}
  Result<Bounds> bounds() override { return inspector_->bounds(0, timeout_); }
  Result<std::vector<LogRecord>> read(std::int64_t from, std::int64_t to) override {
    return inspector_->read(0, from, std::min(to, from + kRecordsAtOnce), timeout_);
  }

 private:
  std::unique_ptr<KafkaInspector> inspector_;
  const std::chrono::milliseconds timeout_;
};

std::string_view accessor_of(const v1::EventT& event) {
  if (const auto* verified = event.payload.AsCapabilityVerified()) return verified->accessor;
  if (const auto* denied = event.payload.AsCapabilityDenied()) return denied->accessor;
  return {};
}

/// Nothing: it is not wanted, or no event.
std::optional<v1::EventT> wanted_of(const LogRecord& record, const AuditOrder& order) {
  auto event = schemas::decode_event(record.value);
  if (!event) return std::nullopt;
  if (order.tenant != kEveryTenant && event->tenant != order.tenant) return std::nullopt;
  if (!order.accessor.empty() && accessor_of(*event) != order.accessor) return std::nullopt;
  return *std::move(event);
}

}  // namespace

std::unique_ptr<AuditSource> audit_in_files(std::filesystem::path directory) {
  return std::make_unique<FileSource>(std::move(directory));
}

Result<std::unique_ptr<AuditSource>> audit_in_topic(const KafkaOptions& options, std::chrono::milliseconds timeout) {
  auto inspector = KafkaInspector::start(options, audit_topic(options.cluster));
  if (!inspector) return fail(inspector.error());
  return std::make_unique<TopicSource>(*std::move(inspector), timeout);
}

Result<v1::AuditPageT> read_audit_page(AuditSource& source, const AuditOrder& order) {
  const auto bounds = source.bounds();
  if (!bounds) return fail(bounds.error());
  v1::AuditPageT page;
  page.first = to_string(schemas::Position{0, bounds->first});
  page.end = to_string(schemas::Position{0, bounds->end});
  std::int64_t at = std::max(order.from, bounds->first);
  const std::int64_t until = bounds->end - at > kMaxLookedAt ? at + kMaxLookedAt : bounds->end;
  for (std::size_t bytes = 0; at < until;) {
    const auto records = source.read(at, until);
    if (!records) return fail(records.error());
    // Offsets in a topic may have gaps.
    if (records->empty()) at = until;
    for (const LogRecord& record : *records) {
      if (page.records.size() >= order.limit || bytes >= kMaxPageBytes) {
        page.next = to_string(schemas::Position{0, at});
        return page;
      }
      at = record.position.offset + 1;
      auto event = wanted_of(record, order);
      if (!event) continue;
      bytes += record.value.size();
      v1::AuditRecordT& shown = page.records.emplace_back().ensure();
      shown.position = to_string(record.position);
      shown.event.ensure() = *std::move(event);
    }
  }
  if (at < bounds->end) page.next = to_string(schemas::Position{0, at});
  return page;
}

}  // namespace solo::producers
