// Many partitions, and a broker that is far: the topic is looked at as a whole, not a partition after the other.
#include <filesystem>

#include "tests/integration/kafka_trouble/trouble.h"
#include "tests/support/tcp_proxy.h"

namespace solo::testing {
namespace {

/// Of a machine that is busy. A daemon that does not trust its topic refused orders for longer, or for ever.
constexpr milliseconds kPatience{15'000};

/// Twenty small orders within half a minute, to tenants in many partitions; how many were done.
int deploy_for_half_a_minute(const Daemon& daemon) {
  int done = 0;
  for (int number = 0; number < 20; ++number) {
    const auto began = std::chrono::steady_clock::now();
    const auto name = std::to_string(number);
    auto request = deploy_request("d" + name, "t" + name, "s" + name, exec_spec({"/bin/true"}), v1::Wait::applied);
    request.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
    const auto reply = call(daemon, std::move(request));
    EXPECT_TRUE(is_ok(reply)) << "order " << name << ": " << words_of(reply);
    if (is_ok(reply)) ++done;
    // That is the test: orders with pauses between them.
    std::this_thread::sleep_until(began + milliseconds(1500));
  }
  return done;
}

void make_topic(const std::string& bootstrap, int partitions) {
  const auto made =
      run({SOLO_PATH, "topic", "create", "--kafka", bootstrap, "--partitions", std::to_string(partitions)}, {},
          seconds(120));
  ASSERT_EQ(made.code, 0) << made.out << made.err;
}

std::size_t threads_of(pid_t process) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    ++count;
  }
  return count;
}

class ManyPartitions : public BrokerTrouble {};

TEST_F(ManyPartitions, DoNotKeepADaemonFromTakingOrders) {
  make_topic(broker_.bootstrap(), 64);
  daemon_.set_arguments(kafka_arguments(broker_, "solo", {}, kPatience));
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(daemon_.start(seconds(60))) << daemon_.log();
  std::cout << "ready after " << since(began).count() << " ms, " << threads_of(daemon_.child().pid()) << " threads\n";
  EXPECT_EQ(deploy_for_half_a_minute(daemon_), 20) << daemon_.log();
}

TEST_F(ManyPartitions, AreLookedAtTogether) {
  make_topic(broker_.bootstrap(), 64);
  milliseconds quickest = milliseconds::max();
  for (int times = 0; times < 3; ++times) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(run({SOLO_PATH, "topic", "check", "--kafka", broker_.bootstrap()}).code, 0);
    quickest = std::min(quickest, since(began));
  }
  std::cout << "solo topic check: " << quickest.count() << " ms\n";
  EXPECT_LT(quickest, seconds(2));
}

class AFarBroker : public ::testing::Test {
 protected:
  AFarBroker() : broker_(behind(proxy_)) { proxy_.set_target(broker_.bootstrap()); }

  static KafkaBroker::Options behind(const TcpProxy& proxy) {
    KafkaBroker::Options options;
    // What it tells its clients to connect to.
    options.settings = {"advertised.listeners=CLIENTS://" + proxy.address()};
    return options;
  }

  void start(int partitions, milliseconds round_trip) {
    make_topic(proxy_.address(), partitions);
    proxy_.set_delay(round_trip / 2);
    daemon_.set_arguments(
        {"--kafka", proxy_.address(), "--log-kafka-delivery-timeout-ms", std::to_string(kPatience.count())});
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(daemon_.start(seconds(60))) << daemon_.log();
    std::cout << "ready after " << since(began).count() << " ms\n";
  }

  TcpProxy proxy_;
  KafkaBroker broker_;
  Daemon daemon_;
};

TEST_F(AFarBroker, DoesNotKeepADaemonFromTakingOrders) {
  start(8, milliseconds(20));
  EXPECT_EQ(deploy_for_half_a_minute(daemon_), 20) << daemon_.log();
}

TEST_F(AFarBroker, WithManyPartitionsDoesNotKeepADaemonFromTakingOrders) {
  start(32, milliseconds(4));
  EXPECT_EQ(deploy_for_half_a_minute(daemon_), 20) << daemon_.log();
}

TEST_F(AFarBroker, IsNotTakenForAwayForTheLengthOfTheLastRecords) {
  start(1, milliseconds(60));
  std::string script = "#!/bin/sh\nexit 0\n#";
  script.resize(750'000, 'x');
  for (int number = 0; number < 36; ++number) {
    const auto name = "long" + std::to_string(number);
    auto request = deploy_request(name, "acme", name, script_spec(script), v1::Wait::applied);
    request.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
    const auto reply = call(daemon_, std::move(request));
    EXPECT_TRUE(is_ok(reply)) << "order " << number << ": " << words_of(reply);
  }
  const auto before = proxy_.answered();
  EXPECT_EQ(deploy_for_half_a_minute(daemon_), 20) << daemon_.log();
  const auto megabytes = (proxy_.answered() - before) / 1'000'000;
  std::cout << "half a minute of short orders: " << megabytes << " MB from the broker\n";
  EXPECT_LT(megabytes, 30u);
}

}  // namespace
}  // namespace solo::testing
