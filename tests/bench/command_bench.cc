// What a deploy costs: p50 of one client with wait=applied over ipc against one fdatasync and one ZeroMQ ipc round
// trip measured in the same run; and the rate of 64 clients at once against the rate of one.
//
// The daemon is the real one. Deploys go to a fixed set of services with replace, so that the runtime has a bounded
// number of processes to look after however many deploys there are.
//
//   command_bench [SECONDS_PER_FIGURE]
#include <cstdlib>

#include "schemas/codec.h"
#include "tests/bench/clients.h"
#include "tests/bench/raw_costs.h"
#include "tests/bench/table.h"
#include "tests/support/daemon.h"

namespace solo::bench {
namespace {

using testing::Daemon;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

v1::RequestT deploy(const std::string& id, const std::string& service) {
  auto request =
      testing::deploy_request(id, "bench", service, testing::exec_spec({"/bin/sleep", "1000000"}), v1::Wait::applied);
  request.body.AsDeploy()->replace = true;
  return request;
}

void deploy_once(producers::CommandClient& client, const std::string& id, const std::string& service) {
  auto reply = client.call(deploy(id, service));
  if (!reply || !reply->ok) give_up("deploy failed: " + (reply ? reply->error->message : reply.error().message));
}

double rate(const Daemon& daemon, const std::string& run, int clients, std::chrono::duration<double> length) {
  const std::string token = daemon.root_token();
  Clients all(daemon.endpoint(), clients, [&](int client, int number) {
    const std::string name = run + "-" + std::to_string(client);
    v1::RequestT request = deploy(name + "-" + std::to_string(number), name);
    request.token = token;
    return request;
  });
  return all.rate(length);
}

/// Slices of all three, taken in turn, so that what else the machine does meanwhile falls on each alike.
struct Latencies {
  std::vector<double> sync;
  std::vector<double> trip;
  std::vector<double> deploy;
};

Latencies latencies(const Daemon& daemon, std::size_t bytes, std::chrono::duration<double> length) {
  constexpr int kSlices = 10;
  testing::TempDir directory;
  auto client = daemon.client();
  Latencies all;
  int count = 0;
  for (int slice = 0; slice < kSlices; ++slice) {
    all.sync.push_back(fdatasync_p50(directory.path(), bytes, length / kSlices));
    all.trip.push_back(round_trip_p50(directory.path(), bytes, length / kSlices));
    all.deploy.push_back(p50(length / kSlices, [&] { deploy_once(*client, "one-" + std::to_string(count++), "one"); }));
  }
  return all;
}

int main_with(std::chrono::duration<double> length) {
  Daemon daemon;
  if (!daemon.start()) give_up("no daemon:\n" + daemon.log());
  const std::size_t bytes = schemas::encode(deploy("bench-0-0", "bench-0")).size();
  const Latencies all = latencies(daemon, bytes, length);
  const double sync = median(all.sync);
  const double trip = median(all.trip);
  print_header();
  std::printf("(one fdatasync %.0f us, one round trip %.0f us, %zu bytes)\n", sync, trip, bytes);
  print(Row{"deploy, wait=applied, one client, p50", "us", sync + trip, median(all.deploy), Bound::at_most, 2});
  const double rate_of_one = rate(daemon, "single", 1, length);
  const double rate_of_many = rate(daemon, "many", 64, length);
  print(Row{"deploys a second, 64 clients against one", "/s", rate_of_one, rate_of_many, Bound::at_least, 15});
  return 0;
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  return solo::bench::main_with(std::chrono::duration<double>(argc > 1 ? std::atof(argv[1]) : 5));
}
