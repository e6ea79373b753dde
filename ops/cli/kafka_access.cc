#include "ops/cli/kafka_access.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "ops/kafka_settings.h"
#include "schemas/ids.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr const char* kBootstrapVariable = "SOLO_LOG_KAFKA_BOOTSTRAP";

}  // namespace

std::vector<Option> KafkaAccess::options() {
  return {
      {"--kafka", "HOST:PORT", "A broker; several are divided by commas. Or SOLO_LOG_KAFKA_BOOTSTRAP.", &bootstrap_},
      {"--cluster", "NAME", "The log is the topic NAME.events. Default: solo.", &cluster_},
      {"--property", "NAME=VALUE",
       "A setting by librdkafka's name, such as security.protocol=ssl; may be repeated. VALUE may be env:VARIABLE or "
       "file:PATH.",
       &properties_},
      {"--properties", "FILE", "A file of such settings, a line each; secrets belong here.", &file_}};
}

std::string KafkaAccess::bootstrap() const {
  const char* variable = std::getenv(kBootstrapVariable);
  return bootstrap_.value_or(variable != nullptr ? variable : "");
}

bool KafkaAccess::named() const { return !bootstrap().empty(); }

Result<producers::KafkaOptions> KafkaAccess::kafka() const {
  producers::KafkaOptions options;
  options.bootstrap = bootstrap();
  if (options.bootstrap.empty()) {
    return fail(ErrorCode::invalid_argument, "where is Kafka?", fmt::format("give --kafka HOST:PORT"));
  }
  if (auto name = schemas::check_label("cluster", cluster_); !name) return fail(name.error());
  options.cluster = cluster_;
  std::vector<std::string> lines;
  if (file_) {
    auto read = read_properties(*file_);
    if (!read) return fail(read.error());
    lines = *std::move(read);
  }
  lines.insert(lines.end(), properties_.begin(), properties_.end());
  Setting::Names names;
  for (const auto& line : lines) {
    const auto equals = line.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(ErrorCode::invalid_argument, "a Kafka setting is NAME=VALUE", "see librdkafka's CONFIGURATION.md");
    }
    names[line.substr(0, equals)] = line.substr(equals + 1);
  }
  auto resolved = resolve_kafka_names(names, [](const std::string& name) { return std::getenv(name.c_str()); });
  if (!resolved) return fail(resolved.error());
  options.properties = *std::move(resolved);
  return options;
}

Result<std::vector<std::string>> read_properties(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, fmt::format("cannot read {}", path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  }
  return lines;
}

}  // namespace solo::ops
