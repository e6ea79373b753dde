#include "ops/verifier/standalone.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "consumers/kafka_reader.h"
#include "consumers/linux_process_host.h"
#include "consumers/verifier.h"
#include "ops/args.h"
#include "ops/cli/interrupt.h"
#include "ops/cli/kafka_access.h"
#include "ops/logging.h"
#include "ops/root_token.h"
#include "ops/verifier/remote_runtime.h"
#include "ops/version.h"
#include "producers/kafka_log.h"
#include "schemas/json.h"
#include "schemas/schemas.h"

namespace solo::ops {

namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using namespace std::chrono_literals;

constexpr std::size_t kAheadBytes = 64 * 1024 * 1024;
constexpr auto kLook = 200ms;

enum Exit : int { kAgrees = 0, kDiffers = 1, kUsage = 2, kFailed = 3 };

struct Settings {
  KafkaAccess kafka;
  std::string views;
  std::optional<std::string> addr;
  std::optional<std::string> token_file;
  std::optional<std::string> interval;
  std::optional<std::string> timeout;
  bool fix = false;
  bool once = false;
  bool rebuild = false;
  bool version = false;
};

Page page_of(Settings& settings) {
  Page page{
      .name = "solo-verifier",
      .summary = "compare what the log says with what runs, beside the daemon",
      .synopsis = {"--kafka HOST:PORT --views DIRECTORY --addr ENDPOINT [OPTION...]"},
      .description =
          "Reads the log in Kafka by itself, builds views of its own in DIRECTORY, asks the daemon at ENDPOINT for "
          "what its runtime holds, looks at the processes of this machine, and prints what differs: one report "
          "as JSON per line, when it says something new and hourly. It has to run on the daemon's machine, as its "
          "user.",
      .exit_status = {{"0", "With --once: all agrees, or was mended. Otherwise: stopped by a signal."},
                      {"1", "With --once: there are differences that remain."},
                      {"2", "Wrong usage."},
                      {"3", "The log, the daemon or the views could not be read."}},
      .environment = {{"SOLO_LOG_KAFKA_BOOTSTRAP", "Stands in for --kafka."},
                      {"SOLO_ADDR", "Stands in for --addr."},
                      {"SOLO_TOKEN_FILE", "Stands in for --token-file."}},
      .examples = {{"Is all well?",
                    "solo-verifier --kafka 127.0.0.1:9092 --views /var/lib/solo-verifier "
                    "--addr ipc:///var/lib/solo/command.sock --token-file /var/lib/solo/root.token --once"}}};
  page.options = settings.kafka.options();
  for (Option& option : std::vector<Option>{
           {"--views", "DIRECTORY", "Where its own views are kept; made if it is missing.", &settings.views},
           {"--addr", "ENDPOINT", "Where the daemon takes commands: ipc://PATH.", &settings.addr},
           {"--token-file", "FILE",
            "Holds the token it asks the daemon with: one for every tenant, that may read and verify.",
            &settings.token_file},
           {"--interval", "DURATION", "How often it compares. Default: 30s.", &settings.interval},
           {"--timeout", "DURATION", "How long a broker, and reading the log, may take at the start. Default: 60s.",
            &settings.timeout},
           {"--fix", "", "Have the daemon mend what is safe to mend.", &settings.fix},
           {"--once", "", "Compare once and exit.", &settings.once},
           {"--rebuild", "", "With --once: and its views with a replay of the log.", &settings.rebuild},
           {"--version", "", "Print the version and exit.", &settings.version}}) {
    page.options.push_back(std::move(option));
  }
  return page;
}

/// What it is made of; destroyed from the bottom up.
struct Parts {
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  std::unique_ptr<producers::KafkaLog> log;
  std::unique_ptr<projections::Views> views;
  std::shared_ptr<void> ear;
  std::unique_ptr<consumers::Projector> projector;
  std::unique_ptr<consumers::LinuxProcessHost> host;
  std::unique_ptr<RemoteRuntime> runtime;
  std::unique_ptr<consumers::Verifier> verifier;
  /// Why it cannot go on.
  std::promise<schemas::Error> broken;
  std::atomic<bool> is_broken = false;

  void give_up(const schemas::Error& error) {
    if (!is_broken.exchange(true)) broken.set_value(error);
  }
};

void print_report(const v1::VerificationReportT& report) {
  v1::ReplyT reply;
  reply.ok = true;
  reply.body.Set(v1::VerificationReportT(report));
  schemas::JsonCodec codec;
  const auto whole = nlohmann::ordered_json::parse(codec.to_json(reply));
  fmt::print("{}\n", whole.at("body").dump());
  std::fflush(stdout);
}

Result<void> open_log(const Settings& settings, std::chrono::milliseconds timeout, Parts& parts) {
  auto options = settings.kafka.kafka();
  if (!options) return fail(options.error());
  options->start_timeout = timeout;
  options->on_fatal = [&parts](const schemas::Error& error) { parts.give_up(error); };
  options->on_waiting = [](const std::string& what) { spdlog::warn("{}", what); };
  auto log = producers::KafkaLog::open(*std::move(options), parts.clock, parts.entropy);
  if (!log) return fail(log.error());
  parts.log = std::move(*log);
  return {};
}

Result<void> open_views(const Settings& settings, Parts& parts) {
  std::vector<projections::OpenReport> reports;
  auto views = projections::Views::open({.directory = settings.views,
                                         .log_uuid = parts.log->genesis().log_uuid,
                                         .partitions = parts.log->partitions(),
                                         .refuse_foreign = true},
                                        &reports);
  if (!views) return fail(views.error());
  parts.views = std::move(*views);
  for (const auto& report : reports) {
    if (report.set_aside) spdlog::warn("views set aside as {}: {}", report.kept_at.string(), report.reason);
  }
  return {};
}

Result<void> join(const Settings& settings, const std::string& addr, const std::string& token,
                  std::chrono::milliseconds interval, Parts& parts) {
  auto* log = parts.log.get();
  const auto share = kAheadBytes / static_cast<std::size_t>(log->partitions());
  const auto open_reader = [log, share](std::int32_t partition,
                                        std::int64_t from) -> Result<std::unique_ptr<consumers::EventReader>> {
    return consumers::KafkaReader::open(*log, partition, from, {share});
  };
  parts.projector = std::make_unique<consumers::Projector>(
      *parts.views, open_reader, [&parts](std::int32_t, const schemas::Error& error) { parts.give_up(error); });
  parts.host = std::make_unique<consumers::LinuxProcessHost>(
      consumers::LinuxProcessHostOptions{.spawners = 1, .max_spawners = 1});
  parts.runtime = std::make_unique<RemoteRuntime>(addr, token);
  parts.verifier = std::make_unique<consumers::Verifier>(
      consumers::VerifierOptions{.interval = settings.once ? std::chrono::milliseconds(0) : interval,
                                 .fix = settings.fix,
                                 .resumes = false,
                                 .scratch = std::filesystem::path(settings.views) / "replay"},
      consumers::VerifierParts{*parts.log, *parts.views, *parts.projector, open_reader, *parts.runtime, *parts.host,
                               parts.clock, "solo-verifier", parts.entropy.uuid(), print_report});
  return parts.projector->start();
}

/// All that is in the log now.
Result<void> catch_up(std::chrono::milliseconds timeout, Parts& parts) {
  schemas::Cut end;
  for (std::int32_t partition = 0; partition < parts.log->partitions(); ++partition) {
    const auto bounds = parts.log->bounds(partition);
    if (!bounds) return fail(bounds.error());
    if (bounds->end > 0) end.positions.push_back({partition, bounds->end - 1});
  }
  return parts.projector->wait_for(end, std::chrono::steady_clock::now() + timeout);
}

Result<std::string> read_token(const Settings& settings) {
  const char* variable = std::getenv("SOLO_TOKEN_FILE");
  const std::string file = settings.token_file.value_or(variable != nullptr ? variable : "");
  if (file.empty()) {
    return fail(ErrorCode::invalid_argument, "with which token is it to ask the daemon?", "give --token-file FILE");
  }
  return read_token_file(file).map([](const schemas::TokenText& text) { return std::string(text.reveal()); });
}

int complain(const schemas::Error& error) {
  fmt::print(stderr, "solo-verifier: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "solo-verifier: hint: {}\n", error.hint);
  return error.code == ErrorCode::invalid_argument ? kUsage : kFailed;
}

int verify_once(const Settings& settings, Parts& parts) {
  auto answer = std::make_shared<std::promise<Result<v1::VerificationReportT>>>();
  auto report = answer->get_future();
  parts.verifier->verify({.tenant = "*", .fix = settings.fix, .dry_run = !settings.fix, .rebuild = settings.rebuild},
                         [answer](Result<v1::VerificationReportT> done) { answer->set_value(std::move(done)); });
  parts.verifier->start();
  const auto done = report.get();
  if (!done) return complain(done.error());
  print_report(*done);
  return done->inconsistencies_found == done->repaired ? kAgrees : kDiffers;
}

int watch(Parts& parts, Interrupt& interrupt) {
  auto broken = parts.broken.get_future();
  parts.verifier->start();
  while (!interrupt.came(kLook)) {
    if (broken.wait_for(0ms) == std::future_status::ready) return complain(broken.get());
  }
  return kAgrees;
}

}  // namespace

int run_verifier(const std::vector<std::string>& arguments) {
  Settings settings;
  const Page page = page_of(settings);
  const auto parsed = parse(page, arguments);
  if (!parsed) return complain(parsed.error());
  if (*parsed == Parsed::help || settings.version) {
    fmt::print("{}", *parsed == Parsed::help ? to_text(page) : fmt::format("solo-verifier {}\n", version()));
    return 0;
  }
  const char* variable = std::getenv("SOLO_ADDR");
  const std::string addr = settings.addr.value_or(variable != nullptr ? variable : "");
  if (addr.empty()) return complain({ErrorCode::invalid_argument, "where is the daemon?", "give --addr ipc://PATH"});
  if (settings.views.empty()) {
    return complain({ErrorCode::invalid_argument, "where are its own views to be?", "give --views DIRECTORY"});
  }
  const auto token = read_token(settings);
  if (!token) return complain(token.error());
  const auto interval = parse_duration("--interval", settings.interval.value_or("30s"));
  const auto timeout = parse_duration("--timeout", settings.timeout.value_or("60s"));
  if (!interval || !timeout) return complain(!interval ? interval.error() : timeout.error());
  Interrupt interrupt;
  start_logging("warning", "text");
  Parts parts;
  const std::chrono::milliseconds patience(*timeout);
  if (auto opened = open_log(settings, patience, parts); !opened) return complain(opened.error());
  if (auto opened = open_views(settings, parts); !opened) return complain(opened.error());
  const std::chrono::milliseconds pause(std::max(*interval, 1U));
  if (auto joined = join(settings, addr, *token, pause, parts); !joined) return complain(joined.error());
  if (auto caught_up = catch_up(patience, parts); !caught_up) return complain(caught_up.error());
  const int status = settings.once ? verify_once(settings, parts) : watch(parts, interrupt);
  parts.verifier->stop();
  parts.projector->stop();
  if (auto flushed = parts.views->flush(); !flushed) spdlog::warn("views: {}", flushed.error().message);
  return status;
}

}  // namespace solo::ops
