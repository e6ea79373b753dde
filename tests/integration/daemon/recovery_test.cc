// What a start makes of what it finds: everything that should run does, once, and the report says what was done.
#include <signal.h>

#include "tests/integration/daemon/orders.h"

namespace solo::testing {
namespace {

using v1::ServiceState;

class Recovery : public Orders {
 protected:
  std::size_t compilations() const { return read_file(files_.path() / "compilations").size() / 2; }
};

TEST_F(Recovery, ThatIsRepeatedChangesNothingAndSaysOneThingPerServiceEachTime) {
  start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(deploy("s" + std::to_string(i), sleeper()).ok);
  const auto before = daemon_.processes();
  std::map<std::string, pid_t> pids;
  for (const auto& process : before) pids[process.service] = process.pid;
  const std::string large(50'000, 'x');
  ASSERT_TRUE(deploy("large", script_spec("#!/bin/sh\nexec sleep 1000000\n# " + large)).ok);
  pids["large"] = pids_of("large").at(0);
  for (int round = 1; round <= 3; ++round) {
    client_.reset();
    daemon_.kill9();
    const auto events_before = events().size();
    ASSERT_NO_FATAL_FAILURE(start());
    const auto report = recovery();
    EXPECT_EQ(report.adopted, 6U);
    EXPECT_EQ(report.recovered, 6U);
    EXPECT_EQ(report.started, 0U);
    EXPECT_EQ(report.stopped, 0U);
    EXPECT_EQ(report.failed, 0U);
    for (const auto& [service, pid] : pids) {
      EXPECT_EQ(pids_of(service), std::vector<pid_t>{pid}) << service;
      EXPECT_EQ(status(service).restarts, 0U);
    }
    const auto all = events();
    std::map<std::string, int> said;
    for (std::size_t at = events_before; at < all.size(); ++at) {
      if (all[at].service.empty()) continue;
      ++said[all[at].service];
      EXPECT_EQ(all[at].payload.type, v1::Payload::ServiceRecovered);
      EXPECT_LT(schemas::encode(all[at]).size(), 2'000U) << "the code goes into the log once";
    }
    EXPECT_EQ(said.size(), 6U);
    for (const auto& [service, count] : said) EXPECT_EQ(count, 1) << service;
  }
}

TEST_F(Recovery, IsReportedWithWhatBecameOfEachAndTheReportOutlivesTheNextDeath) {
  const auto program = files_.path() / "program";
  std::filesystem::copy_file("/bin/sleep", program);
  start();
  for (const char* service : {"adopted", "started", "stopped", "killed"}) ASSERT_TRUE(deploy(service, sleeper()).ok);
  ASSERT_TRUE(deploy("failed", exec_spec({program, "1000000"})).ok);
  ASSERT_TRUE(call(kill_request({}, "acme", "killed")).ok);
  // A former generation that nobody stopped: the same marker, another number.
  const auto leftover_of = pids_of("stopped").at(0);
  client_.reset();
  daemon_.kill9();
  for (const char* service : {"started", "failed"}) {
    for (const pid_t pid : pids_of(service)) kill(pid, SIGKILL);
  }
  std::filesystem::rename(program, files_.path() / "moved");
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 2; }));
  Child stray({"/usr/bin/env", "SOLO_GENERATION=99", "SOLO_INSTANCE=none-1", "/bin/sleep", "1000000"},
              files_.path() / "out", files_.path() / "err", [&] {
                std::vector<std::string> variables;
                const auto block = read_file("/proc/" + std::to_string(leftover_of) + "/environ");
                for (std::size_t at = 0; at < block.size(); at += std::string(block.c_str() + at).size() + 1) {
                  variables.emplace_back(block.c_str() + at);
                }
                return variables;
              }());
  // Not yet at `env`, which has the other one's marker.
  ASSERT_TRUE(eventually([&] { return instances_of("stopped").contains("none-1"); }));

  ASSERT_NO_FATAL_FAILURE(start());
  const auto report = recovery();
  EXPECT_EQ(report.adopted, 2U);
  EXPECT_EQ(report.started, 1U);
  EXPECT_EQ(report.recovered, 3U);
  EXPECT_EQ(report.stopped, 1U) << daemon_.log();
  EXPECT_EQ(report.skipped_killed, 1U);
  EXPECT_EQ(report.failed, 1U);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0]->service, "failed");
  EXPECT_NE(report.failures[0]->reason.find(program.string()), std::string::npos) << report.failures[0]->reason;
  EXPECT_FALSE(report.to.empty());
  std::vector<std::string> stages;
  for (const auto& stage : report.stages) stages.push_back(stage->name);
  EXPECT_EQ(stages, (std::vector<std::string>{"catch up", "claim", "scan", "start"}));
  EXPECT_GT(report.duration_us, 0);
  EXPECT_NE(stray.wait(std::chrono::seconds(10)), std::nullopt);
  EXPECT_EQ(pids_of("stopped"), std::vector<pid_t>{leftover_of});

  // What runs again tomorrow is not given up today.
  std::filesystem::rename(files_.path() / "moved", program);
  EXPECT_TRUE(eventually_in("failed", ServiceState::running));
  EXPECT_EQ(history("failed"),
            (std::vector<std::string>{"ServiceDeployed", "ServiceStarted", "ServiceRecoveryFailed", "ServiceStarted"}));

  const auto printed = run({SOLO_PATH, "--state-dir", daemon_.state(), "recovery", "report"});
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_NE(printed.out.find("3 (2 adopted, 1 started)"), std::string::npos) << printed.out;
  client_.reset();
  daemon_.kill9();
  // A daemon that cannot write has the former report still.
  daemon_.set_arguments(with_a_full_log());
  daemon_.launch();
  ASSERT_TRUE(reaches()) << daemon_.log();
  EXPECT_TRUE(eventually([&] { return recovery().run == report.run; })) << recovery().run;
  EXPECT_EQ(recovery().adopted, 2U);
}

// Each start of the program adds its process's number to the file.
v1::SpecT nameless(const std::filesystem::path& pids) {
  return script_spec("#!/bin/sh\nexec env -i /bin/sh -c 'echo $$ >>" + pids.string() + "; exec sleep 1000000'\n");
}

bool is_gone(pid_t process) {
  const std::string stat = read_file("/proc/" + std::to_string(process) + "/stat");
  return stat.empty() || stat.find(") Z ") != std::string::npos;
}

TEST_F(Recovery, StartsNoneBesideOneThatCleanedItsEnvironmentBeforeItsStartWasRecorded) {
  const auto pids = files_.path() / "pids";
  daemon_.set_environment({"SOLO_CRASH_AT=spawned"});
  start();
  const auto reply = client_->call(deploy_request({}, "acme", "web", nameless(pids), v1::Wait::accepted));
  EXPECT_TRUE(reply && reply->ok);
  EXPECT_NE(daemon_.child().wait(std::chrono::seconds(10)), 0) << "it dies with its first spawn";
  ASSERT_TRUE(eventually([&] { return read_file(pids).find('\n') != std::string::npos; }));
  const pid_t unrecorded = std::stoi(read_file(pids));
  ASSERT_FALSE(is_gone(unrecorded)) << "it outlives its daemon";
  client_.reset();
  daemon_.set_environment({});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_TRUE(is_gone(unrecorded)) << daemon_.log();
  EXPECT_EQ(recovery().stopped, 1U);
  ASSERT_TRUE(eventually_in("web", ServiceState::running)) << daemon_.log();
  EXPECT_NE(status("web").pid, unrecorded);
  EXPECT_EQ(daemon_.stop(), 0);
}

TEST_F(Recovery, LeavesAloneWhatAnAdoptedServiceHasStartedOutOfItsSessionAndAnOrderlyStopEndsIt) {
  start();
  const auto child = files_.path() / "child";
  ASSERT_TRUE(deploy("web", script_spec("#!/bin/sh\nenv -i setsid /bin/sleep 1000000 &\necho $! >" + child.string() +
                                        "\nwait\n"))
                  .ok);
  ASSERT_TRUE(eventually([&] { return read_file(child).find('\n') != std::string::npos; }));
  const pid_t helper = std::stoi(read_file(child));
  client_.reset();
  daemon_.kill9();
  start();
  EXPECT_EQ(recovery().adopted, 1U);
  EXPECT_EQ(recovery().stopped, 0U);
  EXPECT_FALSE(is_gone(helper));
  EXPECT_EQ(daemon_.stop(), 0);
  EXPECT_TRUE(eventually([&] { return is_gone(helper); })) << daemon_.log();
  EXPECT_NE(daemon_.log().find("acme/web: process " + std::to_string(helper)), std::string::npos) << daemon_.log();
}

TEST_F(Recovery, EndsWhatAProcessThatDiedUnseenHadStartedThoughNothingMarksIt) {
  start();
  const auto child = files_.path() / "child";
  ASSERT_TRUE(deploy("web", script_spec("#!/bin/sh\nenv -i /bin/sleep 1000000 &\necho $! >" + child.string() +
                                        ".new\nmv " + child.string() + ".new " + child.string() + "\nwait\n"))
                  .ok);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(child); }));
  const pid_t left = std::stoi(read_file(child));
  std::filesystem::remove(child);
  const auto pid = status("web").pid;
  client_.reset();
  daemon_.kill9();
  kill(pid, SIGKILL);
  ASSERT_EQ(kill(left, 0), 0) << "it outlives them";
  start();
  EXPECT_TRUE(eventually([&] { return is_gone(left); })) << daemon_.log();
  EXPECT_EQ(recovery().stopped, 1U);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(child); }));
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 1; })) << daemon_.log();
  const pid_t next = std::stoi(read_file(child));
  EXPECT_EQ(daemon_.stop(), 0);
  EXPECT_TRUE(eventually([&] { return is_gone(next); })) << "an orderly stop ends it, too";
}

TEST_F(Recovery, CompilesNothingAgainThatIsThere) {
  daemon_.set_arguments(with_compiler(kCompileToSleep));
  start();
  for (const char* service : {"a", "b"}) ASSERT_TRUE(deploy(service, cxx_spec("int main() {}")).ok) << daemon_.log();
  EXPECT_EQ(compilations(), 1U);
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(recovery().started, 2U);
  EXPECT_EQ(compilations(), 1U);
}

TEST_F(Recovery, OfACompileThatFailsIsThatServicesOwnFailureAndTriedAgain) {
  daemon_.set_arguments(with_compiler(kCompileToSleep));
  start();
  ASSERT_TRUE(deploy("compiled", cxx_spec("int main() {}")).ok) << daemon_.log();
  ASSERT_TRUE(deploy("plain", sleeper()).ok);
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  std::filesystem::remove_all(daemon_.state() / "artifacts");
  daemon_.set_arguments(with_compiler("echo no such header >&2\nexit 1\n"));
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("plain").state, ServiceState::running);
  EXPECT_EQ(status("compiled").state, ServiceState::starting);
  EXPECT_EQ(status("compiled").reason, "it does not compile");
  EXPECT_NE(status("compiled").detail.find("no such header"), std::string::npos) << status("compiled").detail;
  ASSERT_EQ(recovery().failures.size(), 1U);
  EXPECT_EQ(recovery().failures[0]->service, "compiled");
  with_compiler(kCompileToSleep);
  EXPECT_TRUE(eventually_in("compiled", ServiceState::running)) << daemon_.log();
}

TEST_F(Recovery, ThatFailsForManyWithManyWordsIsReportedAllTheSame) {
  constexpr int kServices = 70;
  daemon_.set_arguments(with_compiler(kCompileToSleep));
  start();
  for (int i = 0; i < kServices; ++i) {
    ASSERT_TRUE(deploy("s" + std::to_string(i), cxx_spec("int main() {}")).ok) << daemon_.log();
  }
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  std::filesystem::remove_all(daemon_.state() / "artifacts");
  // Together the words are longer than an event may be.
  daemon_.set_arguments(with_compiler("head -c 15000 /dev/zero | tr '\\0' x\nexit 1\n"));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto report = recovery();
  EXPECT_EQ(report.failed, static_cast<std::uint32_t>(kServices));
  EXPECT_EQ(report.failures.size(), static_cast<std::size_t>(kServices));
  EXPECT_GT(status("s0").detail.size(), 10'000U) << "each has its own words in full";
  EXPECT_TRUE(deploy("next", sleeper()).ok) << health().detail;
}

TEST_F(Recovery, OfAServiceWhosePlaceIsMissingIsTriedAgainUntilItIsThere) {
  start();
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  ASSERT_NO_FATAL_FAILURE(kill_everything());
  // As when its place is not mounted yet: a file where its directory belongs.
  std::filesystem::rename(home_of("web"), files_.path() / "web");
  std::ofstream(home_of("web")) << "";
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(status("web").state, ServiceState::starting);
  EXPECT_FALSE(status("web").reason.empty());
  std::filesystem::remove(home_of("web"));
  std::filesystem::rename(files_.path() / "web", home_of("web"));
  EXPECT_TRUE(eventually_in("web", ServiceState::running)) << daemon_.log();
  EXPECT_EQ(pids_of("web").size(), 1U);
}

}  // namespace
}  // namespace solo::testing
