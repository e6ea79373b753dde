// What the command plane costs by itself: gateway, embedded log and views in this process, and no runtime. Beside it
// one fdatasync and one ZeroMQ ipc round trip.
//
//   gateway_bench [SECONDS_PER_FIGURE]
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <zmq.hpp>

#include "consumers/embedded_reader.h"
#include "consumers/projector.h"
#include "producers/command_client.h"
#include "producers/embedded_log.h"
#include "producers/gateway.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/bench/table.h"
#include "tests/support/temp_dir.h"

namespace solo::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

template <class T>
T taken(schemas::Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

class NoHost final : public producers::HostPort {
 public:
  schemas::Result<producers::OutputTail> output(const schemas::ServiceKey&, std::size_t) override {
    return producers::OutputTail{};
  }
};

class NoHealth final : public producers::HealthPort {
 public:
  void fill(v1::HealthReportT&) override {}
};

/// A daemon without a runtime.
class Plane {
 public:
  Plane() {
    producers::EmbeddedLogOptions log_options;
    log_options.directory = dir_.path() / "log";
    log_ = taken(producers::EmbeddedLog::open(log_options, clock_, entropy_));
    projections::ViewOptions view_options;
    view_options.directory = dir_.path() / "views";
    view_options.log_uuid = log_->genesis().log_uuid;
    views_ = taken(projections::Views::open(view_options, nullptr));
    producers::GatewayOptions options;
    options.endpoint = endpoint();
    gateway_ = std::make_unique<producers::Gateway>(options, *log_, *views_, host_, health_, clock_);
    projector_ = std::make_unique<consumers::Projector>(
        *views_,
        [this](std::int32_t, std::int64_t from) -> schemas::Result<std::unique_ptr<consumers::EventReader>> {
          return std::make_unique<consumers::EmbeddedReader>(*log_, from);
        },
        [](std::int32_t, const schemas::Error& error) { give_up(error.message); });
    subscription_ = projector_->listen([this](const projections::ViewChange& change) { gateway_->on_change(change); });
    if (auto started = projector_->start(); !started) give_up(started.error().message);
    if (auto started = gateway_->start(); !started) give_up(started.error().message);
  }
  ~Plane() {
    gateway_->stop();
    subscription_.reset();
    projector_.reset();
  }
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  std::string endpoint() const { return "ipc://" + (dir_.path() / "command.sock").string(); }
  const std::filesystem::path& directory() const { return dir_.path(); }

 private:
  testing::TempDir dir_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  NoHost host_;
  NoHealth health_;
  std::unique_ptr<producers::EmbeddedLog> log_;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<producers::Gateway> gateway_;
  std::unique_ptr<consumers::Projector> projector_;
  consumers::Projector::Subscription subscription_;
};

v1::RequestT deploy(const std::string& id, const std::string& service, v1::Wait wait) {
  v1::RequestT request;
  request.id = id;
  request.tenant = "bench";
  request.wait = wait;
  v1::DeployT body;
  body.service = service;
  body.replace = true;
  v1::SpecT& spec = body.spec.ensure();
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep", "1000000"};
  request.body.Set(std::move(body));
  return request;
}

void call(producers::CommandClient& client, const v1::RequestT& request) {
  const auto reply = client.call(request);
  if (!reply || !reply->ok) give_up(reply ? reply->error->message : reply.error().message);
}

template <class Action>
double p50(Seconds length, Action action) {
  std::vector<double> times;
  for (const auto begin = Clock::now(); Clock::now() - begin < length;) {
    const auto start = Clock::now();
    action();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return median(times);
}

double fdatasync_p50(const std::filesystem::path& directory, Seconds length) {
  const int file = open((directory / "raw").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string record(300, 'x');
  const double result = p50(length, [&] {
    if (write(file, record.data(), record.size()) < 0 || fdatasync(file) != 0) give_up("cannot write");
  });
  close(file);
  return result;
}

double round_trip_p50(const std::filesystem::path& directory, Seconds length) {
  zmq::context_t context;
  const std::string endpoint = "ipc://" + (directory / "echo.sock").string();
  zmq::socket_t router(context, zmq::socket_type::router);
  router.bind(endpoint);
  std::thread echo([&] {
    for (bool last = false; !last;) {
      zmq::message_t peer;
      zmq::message_t body;
      (void)router.recv(peer);
      (void)router.recv(body);
      last = body.size() == 0;
      router.send(peer, zmq::send_flags::sndmore);
      router.send(body, zmq::send_flags::none);
    }
  });
  zmq::context_t other;
  zmq::socket_t dealer(other, zmq::socket_type::dealer);
  dealer.connect(endpoint);
  const std::string record(300, 'x');
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

double rate(const Plane& plane, int clients, v1::Wait wait, Seconds length) {
  static int runs = 0;
  const std::string run = "r" + std::to_string(runs++);
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&, c] {
      auto client = taken(producers::CommandClient::connect({plane.endpoint()}));
      const std::string name = run + "-" + std::to_string(c);
      for (int i = 0; Clock::now() - begin < length; ++i) {
        call(*client, deploy(name + "-" + std::to_string(i), name, wait));
        ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(done) / Seconds(Clock::now() - begin).count();
}

int main_with(Seconds length) {
  Plane plane;
  auto client = taken(producers::CommandClient::connect({plane.endpoint()}));
  constexpr int kSlices = 8;
  std::vector<double> sync;
  std::vector<double> trip;
  std::vector<double> accepted;
  std::vector<double> applied;
  int count = 0;
  for (int slice = 0; slice < kSlices; ++slice) {
    sync.push_back(fdatasync_p50(plane.directory(), length / kSlices));
    trip.push_back(round_trip_p50(plane.directory(), length / kSlices));
    for (const v1::Wait wait : {v1::Wait::accepted, v1::Wait::applied}) {
      auto& times = wait == v1::Wait::accepted ? accepted : applied;
      times.push_back(
          p50(length / kSlices, [&] { call(*client, deploy("one-" + std::to_string(count++), "one", wait)); }));
    }
  }
  const double raw = median(sync) + median(trip);
  print_header();
  std::printf("(one fdatasync %.0f us, one round trip %.0f us)\n", median(sync), median(trip));
  print(Row{"command plane alone, wait=accepted, p50", "us", raw, median(accepted), Bound::at_most, 2});
  print(Row{"command plane alone, wait=applied, p50", "us", raw, median(applied), Bound::at_most, 2});
  for (const v1::Wait wait : {v1::Wait::accepted, v1::Wait::applied}) {
    const double one = rate(plane, 1, wait, length);
    const double many = rate(plane, 64, wait, length);
    print(Row{std::string("command plane alone, 64 clients, wait=") + v1::EnumNameWait(wait), "/s", one, many,
              Bound::at_least, 15});
  }
  return 0;
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  return solo::bench::main_with(solo::bench::Seconds(argc > 1 ? std::atof(argv[1]) : 5));
}
