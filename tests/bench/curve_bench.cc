// What the command plane costs over tcp with CURVE: requests that go through the whole gateway, pipelined, beside a
// bare libzmq CURVE ROUTER that echoes messages of the requests' size to the same client.
//
//   curve_bench [SECONDS_PER_FIGURE]
#include <thread>
#include <zmq.hpp>

#include "producers/command_client.h"
#include "producers/curve_keys.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/bench/plane.h"
#include "tests/bench/table.h"

namespace solo::bench {
namespace {

/// On their way at once.
constexpr int kWindow = 64;
constexpr int kSlices = 8;
constexpr std::string_view kHeader = "solo/1 flatbuffers";

using producers::CurveKey;
using producers::CurveKeyPair;

void set_key(zmq::socket_t& socket, int option, const CurveKey& key) {
  if (zmq_setsockopt(socket.handle(), option, key.data(), key.size()) != 0) throw zmq::error_t();
}

/// A DEALER that keeps kWindow messages on their way.
class Pump {
 public:
  Pump(const std::string& endpoint, const CurveKey& server, const CurveKeyPair& own)
      : dealer_(context_, zmq::socket_type::dealer) {
    set_key(dealer_, ZMQ_CURVE_SERVERKEY, server);
    set_key(dealer_, ZMQ_CURVE_PUBLICKEY, own.public_key);
    set_key(dealer_, ZMQ_CURVE_SECRETKEY, own.secret_key);
    dealer_.set(zmq::sockopt::linger, 0);
    dealer_.set(zmq::sockopt::rcvtimeo, 10'000);
    dealer_.connect(endpoint);
  }

  /// Answers a second.
  double rate(const std::string& body, Seconds length) {
    for (int i = 0; i < kWindow; ++i) send(body);
    std::uint64_t answers = 0;
    const auto begin = Clock::now();
    while (Clock::now() - begin < length) {
      for (int i = 0; i < kWindow; ++i) {
        receive();
        send(body);
      }
      answers += kWindow;
    }
    const Seconds took = Clock::now() - begin;
    for (int i = 0; i < kWindow; ++i) receive();
    return static_cast<double>(answers) / took.count();
  }
  std::size_t reply_size() const { return last_.size(); }
  std::string_view reply() const { return last_.to_string_view(); }

 private:
  void send(const std::string& body) {
    dealer_.send(zmq::buffer(kHeader), zmq::send_flags::sndmore);
    dealer_.send(zmq::buffer(body), zmq::send_flags::none);
  }
  void receive() {
    do {
      if (!dealer_.recv(last_)) give_up("no answer");
    } while (last_.more());
  }

  zmq::context_t context_;
  zmq::socket_t dealer_;
  zmq::message_t last_;
};

/// libzmq's own ROUTER, which sends back what comes.
class Echo {
 public:
  explicit Echo(const CurveKeyPair& keys) : router_(context_, zmq::socket_type::router) {
    router_.set(zmq::sockopt::curve_server, true);
    set_key(router_, ZMQ_CURVE_SECRETKEY, keys.secret_key);
    router_.bind("tcp://127.0.0.1:*");
    endpoint_ = router_.get(zmq::sockopt::last_endpoint);
    thread_ = std::thread([this] { run(); });
  }
  ~Echo() {
    context_.shutdown();
    thread_.join();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  const std::string& endpoint() const { return endpoint_; }

 private:
  void run() {
    try {
      zmq::message_t frame;
      for (;;) {
        (void)router_.recv(frame);
        const auto more = frame.more() ? zmq::send_flags::sndmore : zmq::send_flags::none;
        router_.send(frame, more);
      }
    } catch (const zmq::error_t&) {
      router_.close();
    }
  }

  zmq::context_t context_;
  zmq::socket_t router_;
  std::string endpoint_;
  std::thread thread_;
};

v1::RequestT request_of(const std::string& id) {
  v1::RequestT request;
  request.id = id;
  request.tenant = "bench";
  request.token = testing::test_root().text;
  return request;
}

void deploy_one(const Plane& plane) {
  auto client = taken(producers::CommandClient::connect({plane.endpoint()}));
  v1::RequestT request = request_of("deploy");
  request.wait = v1::Wait::applied;
  v1::DeployT body;
  body.service = "web";
  v1::SpecT& spec = body.spec.ensure();
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep", "1000000"};
  request.body.Set(std::move(body));
  const auto reply = taken(client->call(std::move(request)));
  if (!reply.ok) give_up(reply.error->message);
}

int main_with(Seconds length) {
  producers::SystemEntropy entropy;
  const auto server = producers::make_curve_keys(entropy);
  const auto client = producers::make_curve_keys(entropy);
  producers::GatewayOptions options;
  options.endpoints = {"tcp://127.0.0.1:0"};
  options.curve = producers::GatewayCurve{.server = server, .clients = {client.public_key}};
  Plane plane(options);
  deploy_one(plane);
  Echo echo(server);

  v1::RequestT health = request_of("0f0e0d0c-0b0a-0908-0706-050403020100");
  health.body.Set(v1::HealthT());
  v1::RequestT status = request_of("0f0e0d0c-0b0a-0908-0706-050403020100");
  v1::StatusT body;
  body.service = "web";
  status.body.Set(std::move(body));

  print_header();
  for (const auto& [name, request] : {std::pair<const char*, v1::RequestT&>{"health", health}, {"status", status}}) {
    const std::string bytes = schemas::encode(request);
    Pump raw(echo.endpoint(), server.public_key, client);
    Pump solo(plane.gateway().endpoints().back(), server.public_key, client);
    std::vector<double> echoes;
    std::vector<double> answers;
    // In turns, so that a busy moment of the machine meets both.
    for (int slice = 0; slice < kSlices; ++slice) {
      echoes.push_back(raw.rate(bytes, length / kSlices));
      answers.push_back(solo.rate(bytes, length / kSlices));
    }
    const auto reply = schemas::decode_reply(solo.reply());
    if (!reply || !reply->ok) give_up("the gateway's answer is no");
    std::printf("(%s: %zu bytes asked, %zu answered; the echo has %zu both ways)\n", name, bytes.size(),
                solo.reply_size(), bytes.size());
    print(Row{std::string("CURVE command plane, ") + name + ", pipelined", "/s", median(echoes), median(answers),
              Bound::at_least, 0.5});
  }
  return 0;
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  return solo::bench::main_with(solo::bench::Seconds(argc > 1 ? std::atof(argv[1]) : 5));
}
