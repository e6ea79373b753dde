#include "ops/solod/audit.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "ops/kafka_settings.h"
#include "producers/audit_files.h"
#include "producers/audit_source.h"
#include "producers/audit_topic.h"

namespace solo::ops {
namespace {

using schemas::fail;
using schemas::Result;

/// A stop waits for a reader no longer than this.
constexpr std::chrono::milliseconds kReaderAnswer{2'000};

std::filesystem::path directory_in(const std::filesystem::path& state) { return state / "audit"; }

Result<producers::KafkaOptions> kafka_of(const Config& config) {
  return kafka_options(config, [](const std::string& name) { return std::getenv(name.c_str()); });
}

/// For development, as the log's own topic.
Result<void> make_topic(const producers::KafkaOptions& kafka, std::chrono::hours retention) {
  auto inspector = producers::KafkaInspector::start(kafka, producers::audit_topic(kafka.cluster));
  if (!inspector) return fail(inspector.error());
  const auto made = producers::make_audit_topic(**inspector, 1, retention);
  return made ? Result<void>() : fail(made.error());
}

Result<std::unique_ptr<producers::AuditSink>> open_topic(const Config& config, std::chrono::hours retention) {
  auto kafka = kafka_of(config);
  if (!kafka) return fail(kafka.error());
  if (config.log.kafka.create) {
    // Nothing waits for the audit: without its topic it says so, and its records are lost and counted.
    if (auto made = make_topic(*kafka, retention); !made) spdlog::warn("audit: {}", made.error().message);
  }
  auto opened = producers::AuditTopic::open(*kafka);
  if (!opened) return fail(opened.error());
  return std::unique_ptr<producers::AuditSink>(*std::move(opened));
}

}  // namespace

std::unique_ptr<producers::AuditReader> open_audit_reader(const Config& config) {
  return std::make_unique<producers::AuditReader>([config]() -> Result<std::unique_ptr<producers::AuditSource>> {
    if (config.log.kafka.bootstrap.empty()) return producers::audit_in_files(directory_in(config.state_dir));
    const auto kafka = kafka_of(config);
    if (!kafka) return fail(kafka.error());
    return producers::audit_in_topic(*kafka, kReaderAnswer);
  });
}

Result<std::unique_ptr<producers::AuditRecorder>> open_audit(const Config& config, DaemonAuditParts parts) {
  const std::chrono::hours retention(24 * config.audit.retention_days);
  std::unique_ptr<producers::AuditSink> sink;
  if (config.log.kafka.bootstrap.empty()) {
    producers::AuditFilesOptions options;
    options.directory = directory_in(parts.state);
    options.retention = retention;
    options.max_bytes = config.audit.max_bytes;
    options.min_free_bytes = config.log.min_free_bytes;
    sink = std::make_unique<producers::AuditFiles>(std::move(options), parts.clock);
  } else {
    auto topic = open_topic(config, retention);
    if (!topic) return fail(topic.error());
    sink = *std::move(topic);
  }
  producers::AuditRecorderOptions options;
  options.node = std::move(parts.node);
  options.run = std::move(parts.run);
  options.peer_name = std::move(parts.peer_name);
  return std::make_unique<producers::AuditRecorder>(std::move(options), std::move(sink), parts.clock);
}

}  // namespace solo::ops
