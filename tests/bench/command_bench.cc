// What a deploy costs: p50 of one client with wait=applied over ipc against one fdatasync and one ZeroMQ ipc round
// trip measured in the same run; and the rate of 64 clients at once against the rate of one.
//
// The daemon is the real one. Deploys go to a fixed set of services with replace, so that the runtime has a bounded
// number of processes to look after however many deploys there are.
//
//   command_bench [SECONDS_PER_FIGURE]
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <zmq.hpp>

#include "schemas/codec.h"
#include "tests/bench/table.h"
#include "tests/support/daemon.h"

namespace solo::bench {
namespace {

using Clock = std::chrono::steady_clock;
using testing::Daemon;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

template <class Action>
double p50(std::chrono::duration<double> length, Action action) {
  std::vector<double> times;
  for (const auto begin = Clock::now(); Clock::now() - begin < length;) {
    const auto start = Clock::now();
    action();
    times.push_back(microseconds_since(start));
  }
  return median(times);
}

v1::RequestT deploy(const std::string& id, const std::string& service) {
  auto request =
      testing::deploy_request(id, "bench", service, testing::exec_spec({"/bin/sleep", "1000000"}), v1::Wait::applied);
  request.body.AsDeploy()->replace = true;
  return request;
}

double fdatasync_p50(const std::filesystem::path& directory, std::size_t bytes, std::chrono::duration<double> length) {
  const int file = open((directory / "raw").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const std::string record(bytes, 'x');
  const double result = p50(length, [&] {
    if (write(file, record.data(), record.size()) < 0 || fdatasync(file) != 0) give_up("cannot write");
  });
  close(file);
  return result;
}

double round_trip_p50(const std::filesystem::path& directory, std::size_t bytes, std::chrono::duration<double> length) {
  zmq::context_t context;
  const std::string endpoint = "ipc://" + (directory / "echo.sock").string();
  zmq::socket_t router(context, zmq::socket_type::router);
  router.bind(endpoint);
  std::thread echo([&] {
    for (;;) {
      zmq::message_t peer;
      zmq::message_t body;
      (void)router.recv(peer);
      (void)router.recv(body);
      const bool last = body.size() == 0;
      router.send(peer, zmq::send_flags::sndmore);
      router.send(body, zmq::send_flags::none);
      if (last) return;
    }
  });
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  dealer.connect(endpoint);
  const std::string record(bytes, 'x');
  zmq::message_t answer;
  const double result = p50(length, [&] {
    dealer.send(zmq::buffer(record), zmq::send_flags::none);
    (void)dealer.recv(answer);
  });
  dealer.send(zmq::message_t(), zmq::send_flags::none);
  (void)dealer.recv(answer);
  echo.join();
  return result;
}

void deploy_once(producers::CommandClient& client, const std::string& id, const std::string& service) {
  auto reply = client.call(deploy(id, service));
  if (!reply || !reply->ok) give_up("deploy failed: " + (reply ? reply->error->message : reply.error().message));
}

double rate(const Daemon& daemon, const std::string& run, int clients, std::chrono::duration<double> length) {
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&, c] {
      auto client = daemon.client();
      const std::string name = run + "-" + std::to_string(c);
      for (int i = 0; Clock::now() - begin < length; ++i) {
        deploy_once(*client, name + "-" + std::to_string(i), name);
        ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(done) / (microseconds_since(begin) / 1e6);
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
