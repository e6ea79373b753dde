// A daemon in a process of its own, killed with -9: what it was doing then ends in one instance of each service.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "consumers/descriptor.h"
#include "consumers/state_lock.h"
#include "tests/integration/runtime/node.h"

namespace solo::consumers::testing {
namespace {

using v1::ServiceState;

const std::vector<std::string> kForever = {"sleep", "300"};

class DaemonDeathTest : public RuntimeTest {
 protected:
  // On the embedded log, with the state lock, as solod is; `body` runs once it is ready.
  void be_a_daemon(const std::string& run, const std::function<void(Node&)>& body) const {
    auto lock = StateLock::acquire({path("state"), run, 10s, {}});
    if (!lock) return;
    auto with_lock = options(run);
    with_lock.lock_descriptor = lock->descriptor();
    Node node(with_lock);
    node.start();
    std::ofstream(path("uuid-" + run)) << node.log_uuid();
    body(node);
  }

  // The processes of the log that the daemons share are this test's to end.
  void learn_log(const std::string& run) {
    ASSERT_TRUE(eventually([&] { return !read_text(path("uuid-" + run)).empty(); }));
    log_ = read_text(path("uuid-" + run));
  }
};

TEST_F(DaemonDeathTest, ServicesOutliveTheirDaemonAndAreAdoptedByTheNext) {
  ForkedProcess daemon([&] {
    be_a_daemon("run-1", [&](Node& node) {
      node.deploy("web", exec_spec(kForever));
      ::pause();
    });
  });
  learn_log("run-1");
  ASSERT_TRUE(eventually([&] { return count_processes("web") == 1; }));
  const pid_t pid = found()[0].identity.pid;
  daemon.kill();
  EXPECT_TRUE(is_running(pid));
  ForkedProcess next([&] {
    be_a_daemon("run-2", [&](Node& node) {
      const bool adopted = node.becomes("web", ServiceState::running) && node.pid("web") == pid;
      node.restart("web");
      if (adopted && node.runs_as_other_than("web", pid)) std::ofstream(path("result")) << "restarted";
      ::pause();
    });
  });
  EXPECT_TRUE(eventually([&] { return read_text(path("result")) == "restarted"; }));
  EXPECT_FALSE(is_running(pid));
  EXPECT_EQ(count_processes("web"), 1);
}

TEST_F(DaemonDeathTest, AHalfDoneSpawnOfADeadDaemonEndsInOneInstance) {
  std::filesystem::create_directories(service_path("web", "").parent_path());
  make_fifo(service_path("web", "output.log"));
  ForkedProcess daemon([&] {
    be_a_daemon("run-1", [&](Node& node) {
      auto spec = exec_spec(kForever);
      spec.restart_limits.ensure().startup_timeout_ms = 60'000;
      node.deploy("web", spec);
      node.deploy("other", exec_spec(kForever));
      eventually([&] { return node.runtime().status().spawns_in_flight == 1; });
      if (node.becomes("other", ServiceState::running)) std::ofstream(path("spawning")) << "yes";
      ::pause();
    });
  });
  learn_log("run-1");
  ASSERT_TRUE(eventually([&] { return read_text(path("spawning")) == "yes"; }));
  daemon.kill();
  ForkedProcess next([&] {
    be_a_daemon("run-2", [&](Node& node) {
      if (node.becomes("web", ServiceState::running)) std::ofstream(path("result")) << node.pid("web");
      ::pause();
    });
  });
  // The lock is not had while the child is before its exec; now that the FIFO has a reader, it goes on.
  const Descriptor reader(::open(service_path("web", "output.log").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(eventually([&] { return !read_text(path("result")).empty(); }));
  EXPECT_EQ(count_processes("web"), 1);
  EXPECT_EQ(count_processes("other"), 1);
}

TEST_F(DaemonDeathTest, KilledAgainAndAgainWhileItStartsServicesNoneRunsTwice) {
  constexpr int kServices = 8;
  {
    // The orders are in the log before any runtime sees them.
    ForkedProcess orders([&] {
      Node node(options("orders"));
      for (int i = 0; i < kServices; ++i) node.deploy("s" + std::to_string(i), exec_spec(kForever));
      std::ofstream(path("uuid-orders")) << node.log_uuid();
      ::pause();
    });
    learn_log("orders");
  }
  for (int round = 0; round < 6; ++round) {
    ForkedProcess daemon([&] { be_a_daemon("run-" + std::to_string(round), [](Node&) { ::pause(); }); });
    // A little further into its start each round.
    eventually([&] { return static_cast<int>(found().size()) > round; }, 30ms);
    daemon.kill();
  }
  ForkedProcess last([&] {
    be_a_daemon("run-last", [&](Node& node) {
      bool all = true;
      for (int i = 0; i < kServices; ++i) all = all && node.becomes("s" + std::to_string(i), ServiceState::running);
      if (all) std::ofstream(path("result")) << "all";
      ::pause();
    });
  });
  ASSERT_TRUE(eventually([&] { return read_text(path("result")) == "all"; }, 30s));
  for (int i = 0; i < kServices; ++i) EXPECT_EQ(count_processes("s" + std::to_string(i)), 1) << i;
}

}  // namespace
}  // namespace solo::consumers::testing
