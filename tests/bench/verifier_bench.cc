// What the verifier costs: a full comparison of many services and tokens beside a bare look at every process on the
// machine, and the rate of commands with the verifier at its default interval beside the rate with it off: two daemons,
// of which one works while the other is frozen, in turns as long as that interval.
//
//   verifier_bench [SERVICES] [TOKENS] [PAIRS_OF_TURNS] [SECONDS_PER_TURN]
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/bench/table.h"
#include "tests/support/daemon.h"
#include "tests/support/tokens.h"

namespace solo::bench {
namespace {

using Clock = std::chrono::steady_clock;
using testing::Daemon;

constexpr int kRuns = 15;
constexpr int kClients = 8;
/// What a full comparison of 1,000 services and 10,000 tokens may take.
constexpr double kBoundMs = 50;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

v1::ReplyT call(producers::CommandClient& client, v1::RequestT request) {
  auto reply = client.call(std::move(request));
  if (!reply || !reply->ok) give_up("refused: " + (reply ? reply->error->message : reply.error().message));
  return *std::move(reply);
}

v1::RequestT deploy(const std::string& id, const std::string& service, v1::Wait wait) {
  auto request = testing::deploy_request(id, "bench", service, testing::exec_spec({"/bin/sleep", "1000000"}), wait);
  request.body.AsDeploy()->replace = true;
  return request;
}

void deploy_all(const Daemon& daemon, int services) {
  const auto client = daemon.client();
  for (int i = 0; i < services; ++i) {
    const std::string name = "s" + std::to_string(i);
    call(*client, deploy(name, name, i + 1 == services ? v1::Wait::done : v1::Wait::applied));
  }
  const bool all = testing::eventually([&] { return daemon.processes().size() == static_cast<std::size_t>(services); },
                                       std::chrono::seconds(120));
  if (!all) give_up("not all services run");
}

void grant_all(const Daemon& daemon, int tokens) {
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      const auto client = daemon.client();
      for (int i = c; i < tokens; i += kClients) {
        v1::RequestT request;
        request.id = "grant-" + std::to_string(i);
        request.tenant = "bench";
        request.wait = v1::Wait::applied;
        v1::TokenGrantT grant;
        grant.hash = testing::test_token(static_cast<std::uint64_t>(i)).hex;
        grant.permissions = {v1::Permission::read};
        request.body.Set(std::move(grant));
        call(*client, std::move(request));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

v1::VerificationReportT verify(const Daemon& daemon) {
  v1::RequestT request;
  request.id = "verify";
  request.tenant = "*";
  request.body.Set(v1::VerificationT{});
  const auto reply = call(*daemon.client(), std::move(request));
  return *reply.body.AsVerificationReport();
}

/// environ and stat of every process, read and thrown away.
double bare_scan() {
  const auto begin = Clock::now();
  DIR* directory = opendir("/proc");
  if (directory == nullptr) give_up("no /proc");
  char buffer[8192];
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    for (const char* file : {"environ", "stat"}) {
      const std::string path = std::string("/proc/") + entry->d_name + "/" + file;
      const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (descriptor < 0) continue;
      while (read(descriptor, buffer, sizeof buffer) > 0) {
      }
      close(descriptor);
    }
  }
  closedir(directory);
  return milliseconds_since(begin);
}

std::uint64_t checked(const v1::VerificationReportT& report, const std::string& code) {
  for (const auto& check : report.checked) {
    if (check->code == code) return check->checked;
  }
  return 0;
}

void comparison(int services, int tokens) {
  Daemon daemon({"--verifier-interval-ms", "0"});
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  deploy_all(daemon, services);
  grant_all(daemon, tokens);
  std::vector<double> bare;
  std::vector<double> full;
  for (int i = 0; i < kRuns; ++i) {
    bare.push_back(bare_scan());
    const auto report = verify(daemon);
    if (report.inconsistencies_found != 0) give_up("a false alarm: " + report.inconsistencies.front()->code);
    const auto all = static_cast<std::uint64_t>(services + tokens);
    if (checked(report, "views_entries_are_sound") < all) give_up("it did not look at everything");
    full.push_back(static_cast<double>(report.duration_us) / 1000);
  }
  const std::string what =
      "full comparison, " + std::to_string(services) + " services, " + std::to_string(tokens) + " tokens";
  print(Row{what + ", beside a bare /proc scan", "ms", median(bare), median(full), Bound::at_most, 4});
  print(Row{what + ", beside its bound", "ms", kBoundMs, median(full), Bound::at_most, 1});
}

double rate(const Daemon& daemon, const std::string& run, std::chrono::duration<double> length) {
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      const auto client = daemon.client();
      const std::string name = "s" + std::to_string(c);
      for (int i = 0; Clock::now() - begin < length; ++i) {
        call(*client, deploy(run + "-" + name + "-" + std::to_string(i), name, v1::Wait::applied));
        ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(done) / (milliseconds_since(begin) / 1000);
}

void command_rate(int services, int pairs, std::chrono::duration<double> length) {
  Daemon without({"--verifier-interval-ms", "0"});
  Daemon with;
  for (Daemon* daemon : {&without, &with}) {
    if (!daemon->start()) give_up("no daemon:\n" + daemon->log());
    deploy_all(*daemon, services);
    rate(*daemon, "warm", std::chrono::duration<double>(2));
    daemon->child().signal(SIGSTOP);
  }
  std::vector<double> off;
  std::vector<double> on;
  std::vector<double> ratios;
  for (int pair = 0; pair < pairs; ++pair) {
    // The one that was frozen verifies at once: it is due.
    for (const bool verifying : {pair % 2 == 1, pair % 2 == 0}) {
      Daemon& daemon = verifying ? with : without;
      daemon.child().signal(SIGCONT);
      (verifying ? on : off).push_back(rate(daemon, std::to_string(pair), length));
      daemon.child().signal(SIGSTOP);
    }
    ratios.push_back(on.back() / off.back());
    std::printf("  pair %d: %.1f/s without, %.1f/s with, %.3fx\n", pair, off.back(), on.back(), ratios.back());
  }
  without.child().signal(SIGCONT);
  with.child().signal(SIGCONT);
  std::printf("  median of the pairs' ratios: %.3fx\n", median(ratios));
  print(Row{"deploys a second, verifier at its interval beside none", "/s", median(off), median(on), Bound::at_least,
            0.95});
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  using namespace solo::bench;
  const auto argument = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
  const int services = argument(1, 1000);
  print_header();
  comparison(services, argument(2, 10'000));
  const int pairs = argument(3, 5);
  if (pairs > 0) command_rate(std::min(services, 100), pairs, std::chrono::duration<double>(argument(4, 30)));
  return 0;
}
