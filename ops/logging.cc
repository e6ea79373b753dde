#include "ops/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "schemas/cloudevents.h"
#include "schemas/codec.h"

namespace solo::ops {
namespace {

/// {"time":"...","level":"info","message":"..."}, whatever the message holds.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch());
    const auto level = spdlog::level::to_string_view(message.level);
    nlohmann::ordered_json line{
        {"time", schemas::to_rfc3339(since.count())},
        {"level", std::string(level.data(), level.size())},
        {"thread", message.thread_id},
        {"message", schemas::to_utf8(std::string_view(message.payload.data(), message.payload.size()))},
    };
    const std::string text = line.dump();
    out.append(text.data(), text.data() + text.size());
    out.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void start_logging(const std::string& level, const std::string& format) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("solo", std::move(sink));
  logger->set_level(spdlog::level::from_str(level));
  if (format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l: %v", spdlog::pattern_time_type::utc));
  }
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace solo::ops
