// What solod is told: one table of settings, and where each value comes from. A flag beats a SOLO_* environment
// variable, that beats the TOML file, that beats the default.
//
// Every setting SECTION.KEY is `[SECTION] KEY` in the file, SOLO_SECTION_KEY in the environment and --section-key on
// the command line (`_` becomes `-`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/result.h"

namespace solo::ops {

struct Config {
  std::string state_dir;

  struct {
    std::uint64_t min_free_bytes = 64 * 1024 * 1024;
    std::string cluster = "solo";
    struct {
      /// Empty: the embedded log.
      std::string bootstrap;
      bool create = false;
      bool unchecked = false;
      std::uint64_t partitions = 1;
      std::uint64_t start_timeout_ms = 60'000;
      std::uint64_t delivery_timeout_ms = 5'000;
      /// librdkafka's names; values may stand for what is elsewhere (ops/kafka_settings.h).
      std::map<std::string, std::string> properties;
    } kafka;
  } log;
  struct {
    /// Without an ipc:// one: ipc://STATE/command.sock as well.
    std::vector<std::string> listen;
    /// Public CURVE keys of clients that may come by tcp.
    std::vector<std::string> client_keys;
    bool any_client_key = false;
  } gateway;
  struct {
    std::vector<std::string> compiler{"c++", "-std=c++20", "-O2", "-pthread"};
    std::uint64_t max_compiles = 0;
    std::uint64_t output_cap_bytes = 10 * 1024 * 1024;
    std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string lang = "C.UTF-8";
    std::string timezone = "UTC";
  } runtime;
  struct {
    std::uint64_t timeout_ms = 30'000;
  } recovery;
  struct {
    std::uint64_t interval_ms = 30'000;
    bool fix = true;
  } verifier;
  struct {
    std::string services = "stop";
    std::uint64_t deadline_ms = 30'000;
  } shutdown;
  struct {
    /// Empty: the host's name, at the first start.
    std::string name;
  } node;
  struct {
    std::uint64_t retention_days = 30;
    std::uint64_t max_bytes = 256 * 1024 * 1024;
  } audit;
  struct {
    std::string level = "info";
    std::string format = "text";
  } logging;
};

struct Setting {
  using Names = std::map<std::string, std::string>;
  using Field = std::variant<std::string*, std::uint64_t*, bool*, std::vector<std::string>*, Names*>;
  /// `recovery.timeout_ms`.
  std::string key;
  Field field;
  std::string help;
  /// If there are any, nothing else is taken.
  std::vector<std::string> choices = {};
  /// A further rule for texts, and for each text of a list.
  std::function<schemas::Result<void>(std::string_view)> check = {};
  /// Lists.
  bool may_be_empty = false;
  /// Numbers.
  std::uint64_t least = 0;
  std::uint64_t most = 1ULL << 50;
  /// `default`, `FILE:LINE`, `SOLO_X` or `--x`: who has spoken last.
  std::string origin = "default";
};

/// All settings, bound to the fields of `config`, which must outlive them.
std::vector<Setting> settings_of(Config& config);

std::string flag_of(const Setting& setting);
std::string environment_of(const Setting& setting);

/// A value in the form it has on the command line: numbers in decimal, true or false, lists divided by spaces, names as
/// NAME=VALUE divided by spaces.
/// invalid_argument: names the origin, the setting and what it takes.
schemas::Result<void> set_from_text(Setting& setting, std::string_view text, std::string origin);

/// Its rule, on each text of a list.
schemas::Result<void> check_words(const Setting& setting, const std::vector<std::string>& words);

/// invalid_argument: a key that does not exist (FILE:LINE and the nearest one that does), a value of another type, or
/// TOML that does not parse. not_found, permission_denied: the file.
schemas::Result<void> apply_file(std::vector<Setting>& settings, const std::filesystem::path& file);

/// `lookup` is getenv(3) or a test's own. Variables that name no setting are left alone: they may be for `solo`.
schemas::Result<void> apply_environment(std::vector<Setting>& settings,
                                        const std::function<const char*(const std::string&)>& lookup);

/// TOML, with each value's origin behind it. Kafka's secrets are left out.
std::string to_toml(const std::vector<Setting>& settings);

/// In the state directory: the server's CURVE keys.
inline constexpr const char* kServerKeyFile = "server.key";

/// Where the daemon lives when nobody says: /var/lib/solo for root, else $XDG_STATE_HOME/solo, else
/// ~/.local/state/solo.
std::filesystem::path default_state_dir(const std::function<const char*(const std::string&)>& lookup);

/// `ipc://STATE/command.sock`. invalid_argument: the path is over the 107 bytes that a socket's may have.
schemas::Result<std::string> command_endpoint(const std::filesystem::path& state_dir);

}  // namespace solo::ops
