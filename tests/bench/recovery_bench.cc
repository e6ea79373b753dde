// What starts and stops cost. Services gone after kill -9 of everything: from the exec of solod to the last service's
// exec, against as many bare posix_spawn calls of the same program with the same file actions and pidfds, on one
// thread. Services that outlived the daemon, against starting them. A stop, against signalling and reaping the same
// processes bare. A start over a long log that leaves nothing to do.
//
//   recovery_bench [RUNS] [EVENTS] [few|stop|many|long]: all of it, or one part
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>

#include "producers/clock.h"
#include "producers/embedded_log.h"
#include "producers/entropy.h"
#include "schemas/codec.h"
#include "tests/bench/table.h"
#include "tests/support/daemon.h"

namespace solo::bench {
namespace {

using testing::Daemon;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

/// The newest stamp in an output file; 0: none.
std::int64_t last_stamp(const std::filesystem::path& output) {
  std::ifstream file(output);
  std::int64_t last = 0;
  for (std::int64_t stamp = 0; file >> stamp;) last = stamp;
  return last;
}

struct BareChild {
  pid_t pid = 0;
  int pidfd = -1;
};

BareChild bare_spawn(const std::filesystem::path& directory) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, (directory / "output.log").c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  posix_spawn_file_actions_addclosefrom_np(&actions, 4);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = STAMP_PATH;
  char* argv[] = {program.data(), nullptr};
  std::string path = "PATH=/usr/bin:/bin";
  char* envp[] = {path.data(), nullptr};
  BareChild child;
  if (posix_spawn(&child.pid, STAMP_PATH, &actions, &attributes, argv, envp) != 0) give_up("cannot spawn " STAMP_PATH);
  child.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return child;
}

struct Bare {
  double spawn_ms = 0;
  double stop_ms = 0;
};

double milliseconds_since(std::int64_t begin) { return static_cast<double>(now_ns() - begin) / 1e6; }

/// As many processes without Solo: all started; all signalled, then reaped.
Bare bare(int services) {
  testing::TempDir directory;
  std::vector<std::filesystem::path> directories;
  for (int i = 0; i < services; ++i) {
    directories.push_back(directory.path() / std::to_string(i));
    std::filesystem::create_directory(directories.back());
  }
  const std::int64_t begin = now_ns();
  std::vector<BareChild> children;
  for (const auto& each : directories) children.push_back(bare_spawn(each));
  std::int64_t last = begin;
  for (const auto& each : directories) {
    std::int64_t stamp = 0;
    if (!testing::eventually([&] { return (stamp = last_stamp(each / "output.log")) > 0; })) give_up("no stamp");
    last = std::max(last, stamp);
  }
  const std::int64_t signalled = now_ns();
  for (const auto& child : children) kill(-child.pid, SIGTERM);
  for (const auto& child : children) {
    waitpid(child.pid, nullptr, 0);
    close(child.pidfd);
  }
  return {static_cast<double>(last - begin) / 1e6, milliseconds_since(signalled)};
}

void deploy(const Daemon& daemon, int services) {
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&daemon, services, c] {
      auto client = daemon.client();
      for (int i = c; i < services; i += 4) {
        const std::string name = "s" + std::to_string(i);
        auto reply = client->call(testing::deploy_request(name, "bench", name, testing::exec_spec({STAMP_PATH})));
        if (!reply || !reply->ok) give_up("deploy failed: " + (reply ? reply->error->message : reply.error().message));
      }
    });
  }
  for (auto& client : clients) client.join();
}

/// Deploys and kills by an outside publisher, while no daemon runs: history that leaves nothing to recover.
void append_history(const Daemon& daemon, int events) {
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  producers::EmbeddedLogOptions options;
  options.directory = daemon.state() / "log";
  auto log = producers::EmbeddedLog::open(options, clock, entropy);
  if (!log) give_up(log.error().message);
  for (int i = 0; i < events; ++i) {
    v1::EventT event;
    event.id = "h" + std::to_string(i);
    event.source = "urn:bench";
    event.tenant = "history";
    event.service = "s" + std::to_string(i / 2 % 1000);
    event.time = clock.wall_us();
    if (i % 2 == 0) {
      v1::ServiceDeployedT deployed;
      deployed.spec.ensure() = testing::exec_spec({STAMP_PATH});
      event.payload.Set(std::move(deployed));
    } else {
      event.payload.Set(v1::ServiceKilledT{});
    }
    (*log)->observations().append("history", schemas::encode(event), [](producers::AppendResult result) {
      if (!std::holds_alternative<producers::Durable>(result)) give_up("history was not appended");
    });
    if (i % 500 == 499) (*log)->observations().drain(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  }
  if (auto closed = (*log)->close(); !closed) give_up(closed.error().message);
}

double recovery_milliseconds(Daemon& daemon, int services) {
  daemon.kill9();
  while (daemon.kill_services() > 0) testing::pause_briefly();
  const std::int64_t begin = now_ns();
  if (!daemon.start()) give_up("no recovery:\n" + daemon.log());
  std::int64_t last = 0;
  for (int i = 0; i < services; ++i) {
    const auto output = daemon.state() / "services" / "bench" / ("s" + std::to_string(i)) / "output.log";
    std::int64_t stamp = 0;
    if (!testing::eventually([&] { return (stamp = last_stamp(output)) > begin; }))
      give_up("not back: " + output.string());
    last = std::max(last, stamp);
  }
  return static_cast<double>(last - begin) / 1e6;
}

/// kill -9 of the daemon alone, to the moment at which health says ok.
double start_milliseconds(Daemon& daemon) {
  daemon.kill9();
  const std::int64_t begin = now_ns();
  if (!daemon.start()) give_up("no start:\n" + daemon.log());
  return milliseconds_since(begin);
}

double stop_milliseconds(Daemon& daemon) {
  const std::int64_t begin = now_ns();
  if (daemon.stop() != 0) give_up("no orderly stop:\n" + daemon.log());
  return milliseconds_since(begin);
}

/// As `count` runs of it came out.
template <class Measure>
double median_of(int count, Measure measure) {
  std::vector<double> values;
  for (int run = 0; run < count; ++run) values.push_back(measure());
  return median(std::move(values));
}

/// Raw and Solo in turns. The median of Solo's.
double measure_recovery(const std::string& what, Daemon& daemon, int services, int runs) {
  std::vector<double> raw;
  std::vector<double> solo;
  for (int run = 0; run < runs; ++run) {
    raw.push_back(bare(services).spawn_ms);
    solo.push_back(recovery_milliseconds(daemon, services));
  }
  print(Row{what, "ms", median(raw), median(solo), Bound::at_most, 1.3, 100});
  return median(solo);
}

void measure_stop(Daemon& daemon, int services, int runs) {
  std::vector<double> raw;
  std::vector<double> solo;
  for (int run = 0; run < runs; ++run) {
    raw.push_back(bare(services).stop_ms);
    solo.push_back(stop_milliseconds(daemon));
    if (!daemon.start()) give_up("no start:\n" + daemon.log());
  }
  print(Row{"SIGTERM to exit, " + std::to_string(services) + " idle services", "ms", median(raw), median(solo),
            Bound::at_most, 1.3});
}

/// So that a restart has nothing to replay: longer than the views take to flush by themselves.
void let_views_flush() { std::this_thread::sleep_for(std::chrono::seconds(7)); }

void measure_many(int services, int runs) {
  Daemon daemon;
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  deploy(daemon, services);
  const std::string name = std::to_string(services) + " services back after kill -9 of everything";
  const double started = measure_recovery(name, daemon, services, runs);
  const double adopted = median_of(runs, [&] { return start_milliseconds(daemon); });
  print(Row{std::to_string(services) + " live services adopted, against started", "ms", started, adopted,
            Bound::at_most, 0.3});
}

void measure_long_log(Daemon& daemon, int events, int runs) {
  if (daemon.stop() != 0) give_up("no orderly stop:\n" + daemon.log());
  append_history(daemon, events);
  if (!daemon.start(std::chrono::minutes(3))) give_up("no start over the history:\n" + daemon.log());
  let_views_flush();
  constexpr double kAllowed = 150;
  print(Row{"start after kill -9, nothing to recover, " + std::to_string(events) + " events", "ms", kAllowed,
            median_of(runs, [&] { return start_milliseconds(daemon); }), Bound::at_most, 1});
}

void measure_few(int services, int other_events, bool stop_alone, int runs) {
  Daemon daemon;
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  deploy(daemon, services);
  const std::string name = std::to_string(services) + " services back after kill -9 of everything";
  if (!stop_alone) measure_recovery(name, daemon, services, runs);
  measure_stop(daemon, services, runs);
  if (stop_alone) return;
  if (daemon.stop() != 0) give_up("no orderly stop:\n" + daemon.log());
  append_history(daemon, other_events);
  if (!daemon.start(std::chrono::minutes(2))) give_up("no start over the history:\n" + daemon.log());
  let_views_flush();
  measure_recovery(name + ", " + std::to_string(other_events) + " other events", daemon, services, runs);
}

int main_with(int runs, int events, std::string_view part) {
  constexpr int kServices = 200;
  constexpr int kMany = 1000;
  constexpr int kOtherEvents = 100'000;
  print_header();
  if (part.empty() || part == "few" || part == "stop") measure_few(kServices, kOtherEvents, part == "stop", runs);
  if (part.empty() || part == "many") measure_many(kMany, runs);
  if (!part.empty() && part != "long") return 0;
  Daemon daemon;
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  measure_long_log(daemon, events, runs);
  return 0;
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
  return solo::bench::main_with(number(1, 5), number(2, 1'000'000), argc > 3 ? argv[3] : "");
}
