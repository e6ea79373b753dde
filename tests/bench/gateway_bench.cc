// What the command plane costs by itself: gateway, embedded log and views in this process, and no runtime. Beside it
// one fdatasync and one ZeroMQ ipc round trip.
//
//   gateway_bench [SECONDS_PER_FIGURE]
#include <cstdlib>

#include "producers/command_client.h"
#include "schemas/schemas.h"
#include "tests/bench/clients.h"
#include "tests/bench/plane.h"
#include "tests/bench/raw_costs.h"
#include "tests/bench/table.h"
#include "tests/support/tokens.h"

namespace solo::bench {
namespace {

constexpr std::size_t kRecordBytes = 300;

v1::RequestT deploy(const std::string& id, const std::string& service, v1::Wait wait) {
  v1::RequestT request;
  request.id = id;
  request.token = testing::test_root().text;
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

double rate(const Plane& plane, int clients, v1::Wait wait, Seconds length) {
  static int runs = 0;
  const std::string run = "r" + std::to_string(runs++) + "-";
  Clients all(plane.endpoint(), clients, [&](int client, int number) {
    const std::string name = run + std::to_string(client);
    return deploy(name + "-" + std::to_string(number), name, wait);
  });
  return all.rate(length);
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
    sync.push_back(fdatasync_p50(plane.directory(), kRecordBytes, length / kSlices));
    trip.push_back(round_trip_p50(plane.directory(), kRecordBytes, length / kSlices));
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
