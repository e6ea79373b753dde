#include "ops/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include "ops/kafka_settings.h"
#include "producers/curve_keys.h"
#include "producers/ipc_endpoint.h"
#include "producers/kafka_options.h"
#include "producers/tcp_endpoint.h"
#include "schemas/ids.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// The longest path of a unix socket: sizeof(sockaddr_un::sun_path) less the ending NUL.
constexpr std::size_t kLongestSocketPath = 107;

Result<void> check_listen(std::string_view text) {
  const std::string endpoint(text);
  if (producers::is_tcp(endpoint)) {
    const auto parsed = producers::parse_tcp_to_listen(endpoint);
    return parsed ? Result<void>() : fail(parsed.error());
  }
  const auto path = producers::ipc_path(endpoint);
  return path ? Result<void>() : fail(path.error());
}

Result<void> check_client_key(std::string_view text) {
  const auto key = producers::parse_z85(text);
  return key ? Result<void>() : fail(key.error());
}

Result<void> check_state_dir(std::string_view text) {
  if (!text.empty()) return {};
  return fail(ErrorCode::invalid_argument, "is empty");
}

Result<void> check_node(std::string_view text) {
  return text.empty() ? Result<void>() : schemas::check_label("node", text);
}

Result<void> check_cluster(std::string_view text) { return schemas::check_label("cluster", text); }

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string value_of(const Setting& setting) {
  if (const auto* const* text = std::get_if<std::string*>(&setting.field)) return toml_string(**text);
  if (const auto* const* number = std::get_if<std::uint64_t*>(&setting.field)) return std::to_string(**number);
  if (const auto* const* yes = std::get_if<bool*>(&setting.field)) return **yes ? "true" : "false";
  if (const auto* const* names = std::get_if<Setting::Names*>(&setting.field)) {
    std::vector<std::string> pairs;
    for (const auto& [name, value] : **names) {
      const bool hidden = producers::is_kafka_secret(name) && !is_reference(value);
      pairs.push_back(fmt::format("{} = {}", toml_string(name), toml_string(hidden ? "(hidden)" : value)));
    }
    return fmt::format("{{{}}}", fmt::join(pairs, ", "));
  }
  std::vector<std::string> words;
  for (const auto& word : *std::get<std::vector<std::string>*>(setting.field)) words.push_back(toml_string(word));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

}  // namespace

std::vector<Setting> settings_of(Config& config) {
  return {
      {.key = "state_dir",
       .field = &config.state_dir,
       .help = "Directory of the daemon's state.",
       .check = check_state_dir},
      {.key = "log.min_free_bytes",
       .field = &config.log.min_free_bytes,
       .help = "Refuse writes while the file system has less room."},
      {.key = "log.cluster",
       .field = &config.log.cluster,
       .help = "With Kafka: the log is the topic CLUSTER.events.",
       .check = check_cluster},
      {.key = "log.kafka.bootstrap",
       .field = &config.log.kafka.bootstrap,
       .help = "HOST:PORT of a Kafka broker, several divided by commas. Empty: the log is in STATE."},
      {.key = "log.kafka.create",
       .field = &config.log.kafka.create,
       .help = "Make the topic if it is missing. For development; otherwise: solo topic create."},
      {.key = "log.kafka.partitions",
       .field = &config.log.kafka.partitions,
       .help = "Partitions of a topic made so.",
       .least = 1,
       .most = 10'000},
      {.key = "log.kafka.unchecked",
       .field = &config.log.kafka.unchecked,
       .help =
           "Take a topic whose settings the broker does not tell (no right to DESCRIBE_CONFIGS), though it may lose "
           "events."},
      {.key = "log.kafka.start_timeout_ms",
       .field = &config.log.kafka.start_timeout_ms,
       .help = "How long to wait for a broker at the start."},
      {.key = "log.kafka.delivery_timeout_ms",
       .field = &config.log.kafka.delivery_timeout_ms,
       .help = "A command that Kafka has not acknowledged by then is unavailable, or its outcome unknown.",
       .least = 100,
       .most = 900'000},
      {.key = "log.kafka.properties",
       .field = &config.log.kafka.properties,
       .help = "Further settings, NAME=VALUE by librdkafka's names. VALUE may be env:VARIABLE or file:PATH: secrets "
               "belong there."},
      {.key = "gateway.listen",
       .field = &config.gateway.listen,
       .help = "Where commands come in: ipc://PATH, and tcp://ADDRESS:PORT for clients with keys (port 0: one that is "
               "free). Without an ipc one, ipc://STATE/command.sock is there too.",
       .check = check_listen,
       .may_be_empty = true},
      {.key = "gateway.client_keys",
       .field = &config.gateway.client_keys,
       .help = "Public keys of the clients that may come by tcp, as `solo keys generate` prints them.",
       .check = check_client_key,
       .may_be_empty = true},
      {.key = "gateway.any_client_key",
       .field = &config.gateway.any_client_key,
       .help = "Let every client in that knows the server's public key: then a token alone decides what it may do."},
      {.key = "runtime.compiler",
       .field = &config.runtime.compiler,
       .help = "Compiles cxx services; -o PROGRAM SOURCE is added."},
      {.key = "runtime.max_compiles",
       .field = &config.runtime.max_compiles,
       .help = "Compilers at once; 0: one for each core.",
       .most = 1024},
      {.key = "runtime.output_cap_bytes",
       .field = &config.runtime.output_cap_bytes,
       .help = "A service's output file over this is moved aside.",
       .least = 4096},
      {.key = "runtime.path", .field = &config.runtime.path, .help = "PATH of services."},
      {.key = "runtime.lang", .field = &config.runtime.lang, .help = "LANG of services."},
      {.key = "runtime.timezone", .field = &config.runtime.timezone, .help = "TZ of services."},
      {.key = "recovery.timeout_ms",
       .field = &config.recovery.timeout_ms,
       .help = "Ready after this although some services are not back yet.",
       .most = 24 * 3'600'000ULL},
      {.key = "verifier.interval_ms",
       .field = &config.verifier.interval_ms,
       .help = "How often log, views, runtime and machine are compared; 0: only when `solo verify` asks.",
       .most = 86'400'000},
      {.key = "verifier.fix",
       .field = &config.verifier.fix,
       .help = "Mend what is safe to mend of what these comparisons find."},
      {.key = "shutdown.services",
       .field = &config.shutdown.services,
       .help = "What becomes of services when the daemon stops: stop or leave.",
       .choices = {"stop", "leave"}},
      {.key = "shutdown.deadline_ms",
       .field = &config.shutdown.deadline_ms,
       .help = "How long an orderly stop may take.",
       .least = 1,
       .most = 24 * 3'600'000ULL},
      {.key = "node.name",
       .field = &config.node.name,
       .help = "This node's name, kept from the first start on. Default: the host's name.",
       .check = check_node},
      {.key = "audit.retention_days",
       .field = &config.audit.retention_days,
       .help = "Records of the audit that are older go. With Kafka: of a topic made with log.kafka.create.",
       .least = 1,
       .most = 36'500},
      {.key = "audit.max_bytes",
       .field = &config.audit.max_bytes,
       .help = "STATE/audit is not larger; the oldest records go first.",
       .least = 8 * 1024 * 1024},
      {.key = "logging.level",
       .field = &config.logging.level,
       .help = "debug, info, warning or error.",
       .choices = {"debug", "info", "warning", "error"}},
      {.key = "logging.format",
       .field = &config.logging.format,
       .help = "text, or json for one JSON object per line.",
       .choices = {"text", "json"}},
  };
}

std::string flag_of(const Setting& setting) {
  std::string flag = "--" + setting.key;
  std::replace(flag.begin(), flag.end(), '.', '-');
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string environment_of(const Setting& setting) {
  std::string name = "SOLO_" + setting.key;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    if (c == '.') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

Result<void> check_words(const Setting& setting, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (!setting.check) break;
    if (auto checked = setting.check(word); !checked) return checked;
  }
  return {};
}

Result<void> set_from_text(Setting& setting, std::string_view text, std::string origin) {
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {}: {}", origin, setting.key, what));
  };
  const auto refuse_as = [&](const schemas::Error& error) {
    return schemas::fail_with(fmt::format("{}: {}", origin, setting.key), error);
  };
  if (auto* const* field = std::get_if<std::uint64_t*>(&setting.field)) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      return refuse(fmt::format("\"{}\" is not a whole number", text));
    }
    if (number < setting.least || number > setting.most) {
      return refuse(fmt::format("{} is not between {} and {}", number, setting.least, setting.most));
    }
    **field = number;
  } else if (auto* const* words = std::get_if<std::vector<std::string>*>(&setting.field)) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> parts;
    for (std::string word; stream >> word;) parts.push_back(word);
    if (parts.empty()) return refuse("is empty");
    if (auto checked = check_words(setting, parts); !checked) return refuse_as(checked.error());
    **words = std::move(parts);
  } else if (auto* const* flag = std::get_if<bool*>(&setting.field)) {
    if (text != "true" && text != "false") return refuse(fmt::format("\"{}\" is neither true nor false", text));
    **flag = text == "true";
  } else if (auto* const* names = std::get_if<Setting::Names*>(&setting.field)) {
    auto pairs = read_kafka_names(text);
    if (!pairs) return refuse_as(pairs.error());
    **names = *std::move(pairs);
  } else {
    if (text.find('\0') != std::string_view::npos) return refuse("holds a NUL");
    if (!setting.choices.empty() &&
        std::find(setting.choices.begin(), setting.choices.end(), text) == setting.choices.end()) {
      return refuse(fmt::format("\"{}\" is none of {}", text, fmt::join(setting.choices, ", ")));
    }
    if (setting.check) {
      if (auto checked = setting.check(text); !checked) return refuse_as(checked.error());
    }
    *std::get<std::string*>(setting.field) = std::string(text);
  }
  setting.origin = std::move(origin);
  return {};
}

Result<void> apply_environment(std::vector<Setting>& settings,
                               const std::function<const char*(const std::string&)>& lookup) {
  for (auto& setting : settings) {
    const std::string name = environment_of(setting);
    const char* value = lookup(name);
    if (value == nullptr || *value == '\0') continue;
    if (auto set = set_from_text(setting, value, name); !set) return set;
  }
  return {};
}

std::string to_toml(const std::vector<Setting>& settings) {
  std::string out;
  std::string section;
  for (const auto& setting : settings) {
    const auto dot = setting.key.rfind('.');
    const std::string its_section = dot == std::string::npos ? "" : setting.key.substr(0, dot);
    if (its_section != section) {
      out += fmt::format("\n[{}]\n", its_section);
      section = its_section;
    }
    const std::string name = dot == std::string::npos ? setting.key : setting.key.substr(dot + 1);
    out += fmt::format("{} = {}  # {}\n", name, value_of(setting), setting.origin);
  }
  return out;
}

std::filesystem::path default_state_dir(const std::function<const char*(const std::string&)>& lookup) {
  if (geteuid() == 0) return "/var/lib/solo";
  const auto given = [&](const char* name) -> std::string {
    const char* value = lookup(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string home = given("XDG_STATE_HOME"); !home.empty()) return std::filesystem::path(home) / "solo";
  return std::filesystem::path(given("HOME")) / ".local/state/solo";
}

Result<std::string> command_endpoint(const std::filesystem::path& state_dir) {
  const std::string path = (state_dir / "command.sock").string();
  if (path.size() > kLongestSocketPath) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the socket's path {} has {} bytes, and a socket's path may have {}", path, path.size(),
                            kLongestSocketPath),
                "choose a shorter state directory");
  }
  return "ipc://" + path;
}

}  // namespace solo::ops
