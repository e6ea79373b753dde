// More than the daemon has got round to when SIGTERM comes: nothing of it is lost, and every answer is true.
#include <map>
#include <set>

#include "tests/integration/daemon/orders.h"
#include "tests/integration/gateway/peer.h"

namespace solo::testing {
namespace {

constexpr int kAccepted = 20'000;
constexpr int kInFlight = 3'000;
constexpr int kPeers = 10;
// All peers together stay below what one tenant may have under way.
constexpr int kWindow = 450;

class PendingEvents : public Orders {
 protected:
  static std::string id_of(int number) { return "d-" + std::to_string(number); }

  /// One that fails before anything is spawned, which is reported: two events each.
  v1::RequestT order(int number) const {
    auto request = deploy_request(id_of(number), "acme", "s" + std::to_string(number), exec_spec({"/nowhere"}),
                                  v1::Wait::accepted);
    request.token = token_;
    return request;
  }

  std::string token_;
};

TEST_F(PendingEvents, AtSigtermAreAllThereAfterwardsAndEveryAnswerWasTrue) {
  start();
  token_ = daemon_.root_token();
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<int> outstanding(kPeers, 0);
  for (int i = 0; i < kPeers; ++i) peers.push_back(std::make_unique<Peer>(daemon_.endpoint()));
  const auto take = [&](std::size_t at) {
    const auto reply = peers[at]->reply(std::chrono::seconds(30));
    --outstanding[at];
    return reply;
  };
  for (int number = 0; number < kAccepted; ++number) {
    const auto at = static_cast<std::size_t>(number % kPeers);
    while (outstanding[at] >= kWindow) {
      const auto reply = take(at);
      ASSERT_TRUE(reply.ok) << reply.error->message;
    }
    peers[at]->send(order(number));
    ++outstanding[at];
  }
  for (std::size_t at = 0; at < kPeers; ++at) {
    while (outstanding[at] > 0) ASSERT_TRUE(take(at).ok);
  }
  const auto report = health();
  std::cout << "at SIGTERM: log " << report.log->end << ", views " << report.views->applied << ", "
            << report.queues->observations_pending << " observations pending\n";
  // And some that have no answer yet.
  for (int number = kAccepted; number < kAccepted + kInFlight; ++number) {
    const auto at = static_cast<std::size_t>(number % kPeers);
    peers[at]->send(order(number));
    ++outstanding[at];
  }
  daemon_.child().signal(SIGTERM);
  EXPECT_EQ(daemon_.child().wait(std::chrono::seconds(60)), 0) << daemon_.log();
  std::set<std::string> taken;
  std::set<std::string> refused;
  // What a ZeroMQ client has sent may still be in its own queues when the socket closes: that is answered by nobody.
  std::set<std::string> unheard;
  for (int number = kAccepted; number < kAccepted + kInFlight; ++number) unheard.insert(id_of(number));
  for (std::size_t at = 0; at < kPeers; ++at) {
    for (; outstanding[at] > 0; --outstanding[at]) {
      const auto frames = peers[at]->receive(std::chrono::seconds(5));
      if (!frames) break;
      const auto reply = schemas::decode_reply(frames->back());
      ASSERT_TRUE(reply) << reply.error().message;
      ASSERT_EQ(unheard.erase(reply->id), 1U) << reply->id << "\n" << daemon_.log();
      (reply->ok ? taken : refused).insert(reply->id);
      if (!reply->ok) {
        EXPECT_EQ(reply->error->code, v1::ErrorCode::unavailable) << reply->error->message;
      }
    }
  }
  EXPECT_GT(taken.size() + refused.size(), 0U);

  std::map<std::string, int> in_log;
  std::map<std::string, int> failures;
  const auto all = events();
  for (const auto& event : all) {
    if (event.payload.type == v1::Payload::ServiceDeployed) ++in_log[event.id];
    if (event.payload.type == v1::Payload::ServiceDeploymentFailed) ++failures[event.service];
  }
  for (int number = 0; number < kAccepted; ++number) ASSERT_EQ(in_log[id_of(number)], 1) << number;
  for (const auto& id : taken) ASSERT_EQ(in_log[id], 1) << id;
  for (const auto& id : refused) ASSERT_EQ(in_log.count(id), 0U) << id;
  for (const auto& id : unheard) ASSERT_EQ(in_log.count(id), 0U) << id << " is in the log and was not answered";
  EXPECT_EQ(in_log.size(), kAccepted + taken.size());
  for (const auto& [service, count] : failures) ASSERT_EQ(count, 1) << service;
  EXPECT_EQ(all.back().payload.type, v1::Payload::SystemShutdownComplete);
  EXPECT_FALSE(std::filesystem::exists(daemon_.state() / "outbox"));
  std::cout << taken.size() << " in flight were taken, " << refused.size() << " turned away, " << unheard.size()
            << " not heard, " << failures.size() << " reported before the stop\n";

  ASSERT_NO_FATAL_FAILURE(start());
  // The views were flushed before the stop's last words, and perhaps with them.
  const auto last = "0:" + std::to_string(all.size() - 1);
  const auto one_before = "0:" + std::to_string(all.size() - 2);
  EXPECT_TRUE(recovery().from == last || recovery().from == one_before) << recovery().from << " of " << last;
  const auto services = [&] {
    const auto counts = health().services;
    return counts ? counts->failed : 0;
  };
  EXPECT_TRUE(eventually([&] { return services() == in_log.size(); })) << services();
}

}  // namespace
}  // namespace solo::testing
