#include "ops/solod/logs.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "consumers/embedded_reader.h"
#include "consumers/kafka_reader.h"
#include "ops/kafka_settings.h"
#include "ops/lost_tail.h"
#include "producers/embedded_log.h"
#include "producers/kafka_log.h"
#include "schemas/schemas.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using OpenedReader = Result<std::unique_ptr<consumers::EventReader>>;

/// What all partitions' readers together fetch ahead while they are behind.
constexpr std::size_t kAheadBytes = 256 * 1024 * 1024;

void tell(const producers::LogOpenReport& report) {
  if (report.cut_bytes != 0) {
    spdlog::warn("log: {} bytes of a half-written record behind everything acknowledged were cut off, at offset {}",
                 report.cut_bytes, report.end);
  }
  if (report.mark_lost) {
    spdlog::warn(
        "log: its durable mark was missing or unreadable: nothing tells whether acknowledged records are gone");
  }
}

Result<DaemonLog> open_embedded(const Config& config, const DaemonLogSurroundings& surroundings) {
  const auto directory = surroundings.state / "log";
  const auto views = surroundings.state / "views";
  std::error_code error;
  const auto status = std::filesystem::status(directory, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    return fail(ErrorCode::failed_precondition, directory.string() + " is no directory",
                "bring the log back from a copy");
  }
  if (!std::filesystem::exists(directory) && std::filesystem::exists(views)) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("there is no log in {}, but views of one in {}", directory.string(), views.string()),
                "bring the log back; or remove the views too, and everything that was deployed is forgotten");
  }
  producers::EmbeddedLogOptions options;
  options.directory = directory;
  options.min_free_bytes = config.log.min_free_bytes;
  options.on_fatal = surroundings.on_fatal;
  producers::LogOpenReport report;
  auto opened = producers::EmbeddedLog::open(std::move(options), surroundings.clock, surroundings.entropy, &report);
  if (!opened) return fail(opened.error());
  tell(report);
  auto* log = opened->get();
  DaemonLog result;
  result.open_reader = [log](std::int32_t, std::int64_t from) -> OpenedReader {
    return std::make_unique<consumers::EmbeddedReader>(*log, from);
  };
  result.close = [log] { return log->close(); };
  result.check_in_background = [log] { log->check_in_background(); };
  result.description =
      fmt::format("{}, next offset {}",
                  report.created ? "made" : (report.clean ? "opened" : "opened after an unclean end"), report.end);
  result.log = std::move(*opened);
  return result;
}

/// The last records of a partition as its view remembers them.
std::vector<producers::RecordFingerprint> tail_of(const projections::Views& views, std::int32_t partition) {
  std::vector<producers::RecordFingerprint> tail;
  for (const auto& mark : views.partition(partition).meta().tail) tail.push_back({mark->offset, mark->id, mark->crc});
  return tail;
}

void write_down(const std::filesystem::path& views, const std::string& log,
                const std::vector<producers::Bounds>& bounds) {
  LogEnd end{log, {}};
  for (std::size_t number = 0; number < bounds.size(); ++number) {
    end.end.positions.push_back({static_cast<std::int32_t>(number), bounds[number].end});
  }
  if (auto written = write_log_end(views, end); !written) spdlog::debug("{}", written.error().message);
}

Result<DaemonLog> open_kafka(const Config& config, const DaemonLogSurroundings& surroundings) {
  if (std::filesystem::exists(surroundings.state / "log")) {
    return fail(ErrorCode::failed_precondition, fmt::format("{} holds a log of its own", surroundings.state.string()),
                "give a daemon on Kafka a state directory of its own");
  }
  auto options = kafka_options(config, [](const std::string& name) { return std::getenv(name.c_str()); });
  if (!options) return fail(options.error());
  options->on_fatal = surroundings.on_fatal;
  options->on_waiting = surroundings.on_waiting;
  options->cancelled = surroundings.stop_wanted;
  std::optional<producers::NewKafkaTopic> create;
  if (config.log.kafka.create) {
    create = producers::NewKafkaTopic{.partitions = static_cast<std::int32_t>(config.log.kafka.partitions)};
  }
  auto opened = producers::KafkaLog::open(*std::move(options), surroundings.clock, surroundings.entropy, create);
  if (!opened) return fail(opened.error());
  auto* log = opened->get();
  const auto share = kAheadBytes / static_cast<std::size_t>(log->partitions());
  DaemonLog result;
  result.open_reader = [log, share](std::int32_t partition, std::int64_t from) -> OpenedReader {
    return consumers::KafkaReader::open(*log, partition, from, {std::max<std::size_t>(share, 8 * 1024 * 1024)});
  };
  result.close = [log]() -> Result<void> {
    log->close();
    return {};
  };
  result.watch_with = [log, directory = surroundings.state / "views"](const projections::Views& views) {
    log->set_tail_source([&views](std::int32_t partition) { return tail_of(views, partition); });
    log->set_end_listener([log, directory](const std::vector<producers::Bounds>& bounds) {
      write_down(directory, log->genesis().log_uuid, bounds);
    });
    return std::shared_ptr<void>(log, [log](void*) {
      log->set_end_listener(nullptr);
      log->set_tail_source(nullptr);
    });
  };
  result.description = fmt::format("in Kafka at {}, topic {}, {} partitions", config.log.kafka.bootstrap,
                                   producers::events_topic(config.log.cluster), log->partitions());
  result.log = std::move(*opened);
  return result;
}

}  // namespace

Result<DaemonLog> open_daemon_log(const Config& config, const DaemonLogSurroundings& surroundings) {
  return config.log.kafka.bootstrap.empty() ? open_embedded(config, surroundings) : open_kafka(config, surroundings);
}

}  // namespace solo::ops
