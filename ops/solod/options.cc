#include "ops/solod/options.h"

#include <fmt/format.h>

#include <deque>

#include "ops/args.h"
#include "ops/version.h"

namespace solo::ops {
namespace {

using schemas::fail;
using schemas::Result;

struct Flags {
  bool take_over = false;
  bool print_config = false;
  bool version = false;
  std::optional<std::string> file;
  std::optional<std::string> kafka;
  /// One per setting, in their order.
  std::deque<std::optional<std::string>> settings;
};

Page page_of(const std::vector<Setting>& settings, Flags& flags) {
  Page page{
      .name = "solod",
      .summary = "keep services running, and every change of them in a log",
      .synopsis = {"[--state-dir STATE] [--config FILE] [--take-over] [OPTION...]"},
      .description =
          "Opens the log and the views in STATE, brings back the services that are to run, and takes commands from "
          "`solo` on the socket STATE/command.sock until SIGTERM or SIGINT. A second such signal, or a stop that takes "
          "longer than shutdown.deadline_ms, ends it at once: services are killed, and what is not on the disk is "
          "named.\n\n"
          "STATE is made with mode 0700 if it is missing. One daemon at a time uses it. Who may enter it may send "
          "commands, and services run as the daemon's user.\n\n"
          "With gateway.listen it takes commands over tcp, too: encrypted (CURVE), from clients whose keys are in "
          "gateway.client_keys. Its own key pair is STATE/server.key, made when it first listens there; "
          "`solo keys show` prints the public one. STATE/endpoints says where it listens.\n\n"
          "Each setting can stand in FILE (TOML), in the environment or on the command line; the latter beats the "
          "former. A key that does not exist is an error.",
      .exit_status = {{"0", "Stopped in order."},
                      {"1", "Could not start, had to give up, or something could not be flushed."},
                      {"2", "Wrong usage or configuration."}},
      .environment = {{"SOLO_SECTION_KEY", "Any setting; for example SOLO_RECOVERY_TIMEOUT_MS."},
                      {"NOTIFY_SOCKET", "Set by systemd for services of Type=notify: told when services are back."}},
      .examples = {{"A daemon to play with", "solod --state-dir /tmp/solo"},
                   {"Its log in Kafka", "solod --state-dir /tmp/solo --kafka 127.0.0.1:9092 --log-kafka-create true"},
                   {"For one client on the network",
                    "solod --state-dir /tmp/solo --gateway-listen tcp://0.0.0.0:5555 --gateway-client-keys KEY"},
                   {"What it would run with", "solod --config /etc/solo.toml --print-config"}}};
  page.options = {
      {"--config", "FILE", "Read settings from this TOML file. Default: none.", &flags.file},
      {"--kafka", "HOST:PORT", "Keep the log in Kafka: log.kafka.bootstrap.", &flags.kafka},
      {"--take-over", "", "Claim the services although another node's daemon holds them.", &flags.take_over},
      {"--print-config", "", "Print every setting with its value and where that comes from, and exit.",
       &flags.print_config},
      {"--version", "", "Print the version and exit.", &flags.version}};
  for (const auto& setting : settings) {
    page.options.push_back({flag_of(setting), "VALUE", setting.help, &flags.settings.emplace_back(), true});
  }
  return page;
}

}  // namespace

Result<DaemonCommandLine> read_daemon_options(const std::vector<std::string>& arguments,
                                              const std::function<const char*(const std::string&)>& lookup) {
  DaemonCommandLine line;
  auto settings = settings_of(line.options.config);
  Flags flags;
  const Page page = page_of(settings, flags);
  const auto parsed = parse(page, arguments);
  if (!parsed) return fail(parsed.error());
  if (*parsed == Parsed::help || flags.version) {
    line.wish = DaemonCommandLine::Wish::print;
    line.text = *parsed == Parsed::help ? to_text(page) : fmt::format("solod {}\n", version());
    return line;
  }
  line.options.take_over = flags.take_over;
  line.options.config.state_dir = default_state_dir(lookup).string();
  if (flags.file) {
    if (auto read = apply_file(settings, *flags.file); !read) return fail(read.error());
  }
  if (auto read = apply_environment(settings, lookup); !read) return fail(read.error());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (!flags.settings[i] && flags.kafka && settings[i].key == "log.kafka.bootstrap") {
      if (auto set = set_from_text(settings[i], *flags.kafka, "--kafka"); !set) return fail(set.error());
    }
    if (!flags.settings[i]) continue;
    if (auto set = set_from_text(settings[i], *flags.settings[i], flag_of(settings[i])); !set) return fail(set.error());
  }
  if (flags.print_config) {
    line.wish = DaemonCommandLine::Wish::print;
    line.text = to_toml(settings);
  }
  return line;
}

}  // namespace solo::ops
