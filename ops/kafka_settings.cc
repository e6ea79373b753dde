#include "ops/kafka_settings.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::string_view kEnvironment = "env:";
constexpr std::string_view kFile = "file:";

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

Result<std::string> read_secret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::not_found, fmt::format("cannot read {}", path));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

bool is_reference(std::string_view value) { return starts_with(value, kEnvironment) || starts_with(value, kFile); }

Result<void> check_kafka_names(const Setting::Names& names) {
  for (const auto& [name, value] : names) {
    if (is_reference(value)) continue;
    if (auto good = producers::check_kafka_property(name, value); !good) return good;
  }
  return {};
}

Result<Setting::Names> read_kafka_names(std::string_view text) {
  Setting::Names names;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(ErrorCode::invalid_argument, "settings are NAME=VALUE, divided by spaces");
    }
    names[word.substr(0, equals)] = word.substr(equals + 1);
  }
  if (auto good = check_kafka_names(names); !good) return fail(good.error());
  return names;
}

Result<Setting::Names> resolve_kafka_names(const Setting::Names& names,
                                           const std::function<const char*(const std::string&)>& lookup) {
  Setting::Names resolved;
  for (const auto& [name, value] : names) {
    std::string text = value;
    if (starts_with(value, kEnvironment)) {
      const std::string variable = value.substr(kEnvironment.size());
      const char* found = lookup(variable);
      if (found == nullptr) {
        return fail(ErrorCode::not_found, fmt::format("Kafka setting {}: {} is not set", name, variable));
      }
      text = found;
    } else if (starts_with(value, kFile)) {
      auto read = read_secret(value.substr(kFile.size()));
      if (!read) return schemas::fail_with("Kafka setting " + name, read.error());
      text = *std::move(read);
    }
    if (auto good = producers::check_kafka_property(name, text); !good) return fail(good.error());
    resolved[name] = std::move(text);
  }
  return resolved;
}

Result<producers::KafkaOptions> kafka_options(const Config& config,
                                              const std::function<const char*(const std::string&)>& lookup) {
  producers::KafkaOptions options;
  options.bootstrap = config.log.kafka.bootstrap;
  options.cluster = config.log.cluster;
  options.unchecked = config.log.kafka.unchecked;
  options.start_timeout = std::chrono::milliseconds(config.log.kafka.start_timeout_ms);
  options.delivery_timeout = std::chrono::milliseconds(config.log.kafka.delivery_timeout_ms);
  auto properties = resolve_kafka_names(config.log.kafka.properties, lookup);
  if (!properties) return fail(properties.error());
  options.properties = *std::move(properties);
  return options;
}

}  // namespace solo::ops
