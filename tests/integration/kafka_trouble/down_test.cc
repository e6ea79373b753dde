// A broker that is away, dies or freezes: what clients are told, and that it is so.
#include <signal.h>

#include <map>
#include <mutex>
#include <set>

#include "schemas/codec.h"
#include "tests/integration/kafka_trouble/trouble.h"

namespace solo::testing {
namespace {

/// Clients that deploy services, each under a name of its own, one after the other.
class Load {
 public:
  struct Told {
    /// ok: acknowledged.
    v1::ErrorCode code = v1::ErrorCode::ok;
    std::string position;
  };

  Load(const Daemon& daemon, int clients) {
    for (int client = 0; client < clients; ++client) {
      threads_.emplace_back([this, &daemon, client] { run(daemon, client); });
    }
  }
  ~Load() { stop(); }

  static v1::RequestT request(const std::string& name) {
    auto request = deploy_request("d-" + name, "acme", name, exec_spec({"/bin/true"}), v1::Wait::applied);
    request.body.AsDeploy()->spec.ensure().restart = v1::RestartPolicy::temporary;
    return request;
  }

  std::map<std::string, Told> stop() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return told_;
  }

  std::size_t count(bool acknowledged) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(told_.begin(), told_.end(), [&](const auto& one) {
      return (one.second.code == v1::ErrorCode::ok) == acknowledged;
    }));
  }

 private:
  void run(const Daemon& daemon, int client) {
    auto connection = daemon.client();
    for (int number = 0; !stopping_; ++number) {
      const auto name = "s" + std::to_string(client) + "-" + std::to_string(number);
      const auto reply = connection->call(request(name), seconds(40));
      Told told;
      // No answer is no acknowledgement, and leaves the outcome open.
      told.code = reply ? (reply->error ? reply->error->code : v1::ErrorCode::ok) : v1::ErrorCode::deadline_exceeded;
      if (reply) told.position = reply->position;
      const std::lock_guard lock(mutex_);
      told_[name] = told;
      if (told.code != v1::ErrorCode::ok) pause_briefly();
    }
  }

  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::map<std::string, Told> told_;
  std::vector<std::thread> threads_;
};

TEST_F(BrokerTrouble, KilledMidProduceLosesNothingAcknowledgedAndDoesNothingTwice) {
  start();
  Load load(daemon_, 4);
  ASSERT_TRUE(eventually([&] { return load.count(true) >= 40; })) << daemon_.log();
  broker_.kill9();
  ASSERT_TRUE(eventually([&] { return load.count(false) >= 8; })) << daemon_.log();
  broker_.start();
  const auto before = load.count(true);
  ASSERT_TRUE(eventually([&] { return load.count(true) >= before + 40; }, seconds(60))) << daemon_.log();
  const auto told = load.stop();

  std::set<std::string> unknown;
  for (const auto& [name, answer] : told) {
    if (answer.code == v1::ErrorCode::ok) {
      EXPECT_NE(generation_of(name), 0u) << name << " was acknowledged at " << answer.position;
    } else if (answer.code == v1::ErrorCode::unavailable) {
      EXPECT_EQ(generation_of(name), 0u) << name << " was refused";
    } else {
      EXPECT_EQ(answer.code, v1::ErrorCode::deadline_exceeded) << name;
      unknown.insert(name);
    }
  }
  // Asked again by the same id, and then every deployment has its number, and none was used twice or for nothing.
  std::set<std::uint64_t> generations;
  for (const auto& [name, answer] : told) {
    if (answer.code != v1::ErrorCode::ok) until_ok(Load::request(name));
    generations.insert(generation_of(name));
  }
  EXPECT_EQ(generations.size(), told.size());
  EXPECT_EQ(*generations.begin(), 1u);
  EXPECT_EQ(*generations.rbegin(), told.size());
  std::cout << told.size() << " commands, " << unknown.size() << " of them unknown\n";
}

TEST_F(BrokerTrouble, FrozenPastTheDeliveryTimeoutLeavesReadsAndTellsTheTruthAboutWrites) {
  start();
  make_probe_topic();
  until_ok(sleeper("1", "web"));
  broker_.freeze();
  const auto began = std::chrono::steady_clock::now();
  const auto sent = call(daemon_, sleeper("2", "late", v1::Wait::applied));
  EXPECT_LT(since(began), 3 * kDeliveryTimeout);
  ASSERT_TRUE(sent && !sent->ok);
  // It was on its way when the broker froze: unknown, to be asked again by the same id.
  EXPECT_EQ(code_of(sent), v1::ErrorCode::deadline_exceeded) << words_of(sent);
  EXPECT_EQ(sent->position, "");
  EXPECT_EQ(sent->id, "2");
  expect_reads();
  // Once the daemon knows, nothing is even sent.
  EXPECT_TRUE(eventually([&] {
    return code_of(call(daemon_, sleeper("3", "never", v1::Wait::applied))) == v1::ErrorCode::unavailable;
  })) << daemon_.log();
  ASSERT_TRUE(eventually([&] { return since(began) > 2 * kDeliveryTimeout; }));
  expect_resumption(sleeper("2", "late", v1::Wait::applied), [&] { broker_.thaw(); });
  EXPECT_EQ(generation_of("late"), 2u);
  until_ok(sleeper("4", "next", v1::Wait::applied));
  EXPECT_EQ(generation_of("next"), 3u) << "something else was deployed meanwhile";
}

TEST_F(BrokerTrouble, DownAtTheStartIsWaitedForAsLongAsConfigured) {
  broker_.kill9();
  daemon_.set_arguments(arguments({"--log-kafka-start-timeout-ms", "500"}));
  daemon_.launch();
  EXPECT_EQ(daemon_.child().wait(seconds(30)), 1);
  EXPECT_TRUE(says("did not answer within 500 ms")) << daemon_.log();

  daemon_.set_arguments(arguments());
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return says("waiting for Kafka at"); }));
  broker_.start();
  EXPECT_TRUE(daemon_.wait_until_ok(seconds(60))) << daemon_.log();
}

TEST_F(BrokerTrouble, DownForAWhileRefusesWritesKeepsWhatTheRuntimeSawAndResumesByItself) {
  start();
  make_probe_topic();
  until_ok(sleeper("1", "web"));
  broker_.kill9();
  EXPECT_TRUE(eventually([&] {
    return code_of(call(daemon_, sleeper("refused", "never", v1::Wait::applied))) == v1::ErrorCode::unavailable;
  })) << daemon_.log();
  expect_reads();
  // Three ends and starts that cannot be written now.
  for (int end = 0; end < 3; ++end) {
    const auto before = daemon_.processes();
    ASSERT_EQ(before.size(), 1u);
    kill(before.front().pid, SIGKILL);
    ASSERT_TRUE(eventually([&] {
      const auto now = daemon_.processes();
      return now.size() == 1 && now.front().pid != before.front().pid;
    })) << daemon_.log();
  }
  expect_reads();
  expect_resumption(sleeper("2", "worker", v1::Wait::applied), [&] { broker_.launch(); });
  EXPECT_TRUE(eventually([&] {
    const auto status = status_of("web");
    return status && status->restarts == 3 && status->state == v1::ServiceState::running;
  })) << daemon_.log();
  EXPECT_EQ(generation_of("never"), 0u) << "it was refused";
  EXPECT_EQ(daemon_.stop(), 0) << daemon_.log();
  // As they happened: each end before the start that followed it, each once.
  std::string course;
  for (const auto& record : records()) {
    const auto event = schemas::decode_event(record.value);
    if (!event || event->service != "web") continue;
    if (event->payload.type == v1::Payload::ServiceStarted) course += 's';
    if (event->payload.type == v1::Payload::ServiceCrashed) course += 'c';
  }
  EXPECT_EQ(course, "scscscs");
}

TEST_F(BrokerTrouble, DownAtTheStopLeavesObservationsInTheOutboxForTheNextStart) {
  start({"--shutdown-deadline-ms", "12000"});
  until_ok(sleeper("1", "web"));
  broker_.kill9();
  EXPECT_EQ(daemon_.stop(), 1);
  EXPECT_TRUE(std::filesystem::exists(daemon_.state() / "outbox")) << daemon_.log();
  EXPECT_TRUE(says("kept in the outbox")) << daemon_.log();
  broker_.start();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(daemon_.state() / "outbox"); })) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 1; }));
  EXPECT_EQ(generation_of("web"), 1u);
  // In the order in which they were seen, and before what the next run saw.
  std::vector<v1::Payload> order;
  for (const auto& record : records()) {
    const auto event = schemas::decode_event(record.value);
    if (!event) continue;
    for (const auto type : {v1::Payload::SystemShutdownStarted, v1::Payload::ServiceStopped,
                            v1::Payload::SystemShutdownComplete, v1::Payload::ServiceRecovered}) {
      if (event->payload.type == type) order.push_back(type);
    }
  }
  EXPECT_EQ(order, (std::vector{v1::Payload::SystemShutdownStarted, v1::Payload::ServiceStopped,
                                v1::Payload::SystemShutdownComplete, v1::Payload::ServiceRecovered}));
}

}  // namespace
}  // namespace solo::testing
