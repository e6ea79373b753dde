// How long services are gone after kill -9 of everything: from the exec of solod to the last service's exec, against
// as many bare posix_spawn calls of the same program with the same file actions and pidfds, on one thread.
//
//   recovery_bench [SERVICES] [OTHER_EVENTS] [RUNS]
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
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

double bare_milliseconds(int services) {
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
  for (const auto& child : children) {
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    close(child.pidfd);
  }
  return static_cast<double>(last - begin) / 1e6;
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

void measure(const std::string& what, Daemon& daemon, int services, int runs) {
  std::vector<double> bare;
  std::vector<double> solo;
  for (int run = 0; run < runs; ++run) {
    bare.push_back(bare_milliseconds(services));
    solo.push_back(recovery_milliseconds(daemon, services));
  }
  print(Row{what, "ms", median(bare), median(solo), Bound::at_most, 1.5, 100});
}

int main_with(int services, int events, int runs) {
  print_header();
  const std::string name = std::to_string(services) + " services back after kill -9 of everything";
  Daemon daemon;
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  deploy(daemon, services);
  measure(name, daemon, services, runs);
  if (daemon.stop() != 0) give_up("no orderly stop:\n" + daemon.log());
  append_history(daemon, events);
  if (!daemon.start(std::chrono::minutes(2))) give_up("no start over the history:\n" + daemon.log());
  // Longer than the views take to flush by themselves.
  std::this_thread::sleep_for(std::chrono::seconds(7));
  measure(name + ", " + std::to_string(events) + " other events", daemon, services, runs);
  return 0;
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
  return solo::bench::main_with(number(1, 150), number(2, 100'000), number(3, 5));
}
