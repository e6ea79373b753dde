// The daemon dies at a named point of a command's way (schemas/crash_point.h), each in its turn, and the client asks
// again by the same id: one event, one effect, one same answer, exactly one process. SOLO_CRASH_TIMES makes it longer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "producers/log_inspection.h"
#include "schemas/codec.h"
#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

/// A point is passed many times in one run; so many of the first ones are tried.
int times_to_try() {
  const char* text = std::getenv("SOLO_CRASH_TIMES");
  return text != nullptr ? std::stoi(text) : 6;
}

const char* const kPoints[] = {"received",  "validated", "appended", "written", "durable",       "applying",
                               "applied",   "prepared",  "spawning", "spawned", "observing",     "observed",
                               "signalled", "ended",     "replying", "replied", "view-flushing", "view-flushed"};

struct Answer {
  bool ok = false;
  v1::ErrorCode error = {};
  std::string position;
  std::uint64_t generation = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  return out << (answer.ok ? "ok" : v1::EnumNameErrorCode(answer.error)) << " at " << answer.position << ", generation "
             << answer.generation;
}

Answer answer_of(const v1::ReplyT& reply) {
  const auto* status = reply.body.AsServiceStatus();
  return {reply.ok, reply.error ? reply.error->code : v1::ErrorCode{}, reply.position,
          status != nullptr ? status->generation : 0};
}

/// One daemon that dies once, and a client that does not give up.
class Story {
 public:
  explicit Story(const std::string& crash_at) {
    daemon_.set_environment({"SOLO_CRASH_AT=" + crash_at});
    daemon_.launch();
    daemon_.set_environment({});
  }

  bool died() const { return died_; }
  Daemon& daemon() { return daemon_; }

  /// Until there is an answer that says what became of it.
  v1::ReplyT insist(const v1::RequestT& request) {
    v1::ReplyT reply;
    const bool answered = eventually(
        [&] {
          revive();
          const auto client = producers::CommandClient::connect(
              {daemon_.endpoint(), std::chrono::milliseconds(1000), daemon_.root_token()});
          if (!client) return false;
          auto got = (*client)->call(request, std::chrono::seconds(20));
          if (!got || (got->error && got->error->retryable)) return false;
          // The first start has not come as far as the root token.
          if (got->error && got->error->code == v1::ErrorCode::unauthenticated) return false;
          reply = *std::move(got);
          return true;
        },
        std::chrono::seconds(40));
    EXPECT_TRUE(answered) << request.id << "\n" << daemon_.log();
    return reply;
  }

  /// The same answer however often it is asked for.
  Answer order(const v1::RequestT& request) {
    ids_.push_back(request.id);
    const Answer first = answer_of(insist(request));
    const auto again = insist(request);
    EXPECT_EQ(answer_of(again), first) << request.id << "\n" << daemon_.log();
    EXPECT_TRUE(again.duplicate) << request.id;
    return first;
  }

  void expect_running(std::vector<std::uint64_t> generations) {
    const auto as_expected = [&] {
      revive();
      std::vector<std::uint64_t> running;
      for (const auto& process : daemon_.processes()) running.push_back(process.generation);
      return running == generations;
    };
    EXPECT_TRUE(eventually(as_expected, std::chrono::seconds(30))) << daemon_.processes().size() << " processes\n"
                                                                   << daemon_.log();
  }

  void stop() {
    revive();
    auto code = daemon_.stop();
    if (code == 128 + SIGKILL) {
      revive();
      code = daemon_.stop();
    }
    EXPECT_EQ(code, 0) << daemon_.log();
    EXPECT_TRUE(daemon_.processes().empty());
  }

  /// The daemon must have stopped.
  void expect_one_event_each() {
    std::map<std::string, int> events;
    const auto log = producers::LogInspector::open(daemon_.state() / "log");
    ASSERT_TRUE(log) << log.error().message;
    const auto records = (*log)->read(0, 10'000);
    ASSERT_TRUE(records) << records.error().message;
    for (const auto& record : *records) ++events[schemas::decode_event(record.value).value().id];
    for (const auto& id : ids_) EXPECT_EQ(events[id], 1) << id;
  }

 private:
  void revive() {
    if (!daemon_.child().wait(std::chrono::milliseconds(0))) return;
    EXPECT_FALSE(died_) << "it died twice\n" << daemon_.log();
    died_ = true;
    EXPECT_TRUE(daemon_.start()) << daemon_.log();
  }

  Daemon daemon_;
  bool died_ = false;
  std::vector<std::string> ids_;
};

v1::RequestT deploy(const std::string& id, bool replace = false) {
  auto request = deploy_request(id, "acme", "web", exec_spec({"/bin/sleep", "1000000"}));
  request.body.AsDeploy()->replace = replace;
  return request;
}

class CrashAt : public ::testing::TestWithParam<const char*> {};

TEST_P(CrashAt, EveryCommandTakesEffectOnceAndHasOneAnswer) {
  int times = 0;
  for (; times < times_to_try() && !HasFailure(); ++times) {
    SCOPED_TRACE(fmt::format("SOLO_CRASH_AT={}:{}", GetParam(), times + 1));
    Story story(fmt::format("{}:{}", GetParam(), times + 1));
    const auto deployed = story.order(deploy("d1"));
    EXPECT_TRUE(deployed.ok) << deployed;
    EXPECT_EQ(deployed.generation, 1U);
    story.expect_running({1});
    const auto replaced = story.order(deploy("r1", true));
    EXPECT_TRUE(replaced.ok) << replaced;
    EXPECT_EQ(replaced.generation, 2U);
    story.expect_running({2});
    // An early refusal is recorded nowhere.
    EXPECT_EQ(answer_of(story.insist(deploy("d2"))).error, v1::ErrorCode::already_exists);
    const auto killed = story.order(kill_request("k1", "acme", "web"));
    EXPECT_TRUE(killed.ok) << killed;
    story.expect_running({});
    EXPECT_EQ(story.order(deploy("d3")).generation, 3U);
    story.expect_running({3});
    story.stop();
    story.expect_one_event_each();
    if (!story.died()) break;
  }
  EXPECT_GT(times, 0) << "never came to " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Points, CrashAt, ::testing::ValuesIn(kPoints), [](const auto& point) {
  std::string name = point.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(CrashAtViewSetAside, TheViewsAreRebuiltByTheNextStart) {
  Daemon daemon;
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const auto reply = daemon.client()->call(deploy("d1"));
  ASSERT_TRUE(reply && reply->ok) << daemon.log();
  daemon.kill9();
  std::ofstream(daemon.state() / "views" / "0" / "CURRENT") << "garbage";
  daemon.set_environment({"SOLO_CRASH_AT=view-set-aside"});
  daemon.launch();
  ASSERT_EQ(daemon.child().wait(std::chrono::seconds(30)), 128 + SIGKILL) << daemon.log();
  daemon.set_environment({});
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_EQ(daemon.processes().size(), 1U);
  const auto again = daemon.client()->call(deploy("d1"));
  ASSERT_TRUE(again);
  EXPECT_EQ(answer_of(*again), answer_of(*reply));
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(daemon.processes().size(), 1U);
}

}  // namespace
}  // namespace solo::testing
