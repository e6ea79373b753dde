// Processes that say of themselves what is not so: named, and nobody is silenced, fooled or alarmed by them.
#include <fmt/format.h>
#include <signal.h>

#include "tests/integration/verifier/verifier_fixture.h"

namespace solo::testing {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

class MarkerFaults : public VerifierTest {
 protected:
  ~MarkerFaults() override {
    for (const pid_t pid : sleepers()) ::kill(pid, SIGKILL);
  }
  /// What services of this daemon have left of `sleep`, whatever else their environment says.
  std::vector<pid_t> sleepers() const {
    std::vector<pid_t> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      if (!read_file(entry.path() / "cmdline").starts_with("sleep")) continue;
      const std::string environment = read_file(entry.path() / "environ");
      if (environment.find("HOME=" + daemon_.state().string()) == std::string::npos) continue;
      found.push_back(std::stoi(entry.path().filename()));
    }
    return found;
  }

  /// Named, left alone, and told in text that everybody can read; health and later verifications answer.
  void expect_named_and_left_alone(Child& stray, const std::string& name, const std::string& damage) {
    const auto report = fix();
    EXPECT_EQ(named(report), Names{name}) << words(report);
    EXPECT_EQ(report.status, v1::VerificationStatus::warning);
    const auto one = first(report, "process_is_known");
    EXPECT_EQ(one.process->pid, stray.pid());
    EXPECT_NE(one.found.find(damage), std::string::npos) << one.found;
    EXPECT_LT(one.found.size(), 500U);
    EXPECT_EQ(one.repair, "left alone: end the process");
    EXPECT_FALSE(stray.wait(300ms));
    EXPECT_EQ(health().verification->inconsistencies_found, 1U);
    EXPECT_EQ(solo({"health"}).code, 0);
    const Finished verified = solo({"verify", "--timeout", "10s"});
    EXPECT_EQ(verified.code, 1) << verified.err;
    ASSERT_TRUE(eventually([&] { return events(v1::Payload::VerificationReported).size() == 1; }));
    const Finished dead_letters = solo({"view", "dead-letters", "--json"});
    EXPECT_EQ(dead_letters.out.find("VerificationReported"), std::string::npos) << dead_letters.out;
    for (const char character : daemon_.log()) {
      ASSERT_TRUE(character == '\n' || (character >= ' ' && character <= '~')) << int(character);
    }
    EXPECT_LT(daemon_.log().size(), 100'000U);
  }
};

TEST_F(MarkerFaults, ANodeThatIsNoTextIsADamagedMarker) {
  start();
  deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "web", .node = "n\xff\n\x1b[31m"});
  expect_named_and_left_alone(stray, "process_is_known acme/web", R"(SOLO_NODE=n\xff\x0a\x1b[31m)");
}

TEST_F(MarkerFaults, AnEndlessInstanceIsADamagedMarker) {
  start();
  deploy_sleeper("web");
  Child& stray = spawn_stray({.service = "web", .instance = std::string(120'000, 'x')});
  expect_named_and_left_alone(stray, "process_is_known acme/web", "SOLO_INSTANCE=xxx");
}

TEST_F(MarkerFaults, ATenantThatIsNoneIsADamagedMarkerOfNobodysService) {
  start();
  deploy_sleeper("web");
  Child& stray = spawn_stray({.tenant = "\xc2\x9b", .service = "web"});
  expect_named_and_left_alone(stray, "process_is_known", R"(SOLO_TENANT=\xc2\x9b)");
  EXPECT_EQ(named(verify({.tenant = "acme"})), Names{});
}

TEST_F(MarkerFaults, AProcessThatNamesNothingButTheLogIsNotInvisible) {
  start();
  deploy_sleeper("web");
  const auto out = daemon_.state() / "stray.out";
  Child stray({"/usr/bin/setsid", "/bin/sleep", "1000"}, out, out, {"SOLO_LOG=" + health().log->uuid});
  ASSERT_TRUE(eventually([&] { return has_become(stray.pid(), "/bin/sleep"); }));
  expect_named_and_left_alone(stray, "process_is_known", "SOLO_GENERATION is missing");
  const auto one = first(verify(), "process_is_known");
  EXPECT_NE(one.evidence.find("command line: /bin/sleep 1000"), std::string::npos) << one.evidence;
}

TEST_F(MarkerFaults, WhatAServiceStartsWithAScrubbedEnvironmentIsItsDescendantAndNoAlarm) {
  start();
  const std::string script =
      "#!/bin/sh\n"
      "env -u SOLO_INSTANCE sleep 1001 &\n"
      "env -u SOLO_NODE SOLO_GENERATION=1x setsid sleep 1002 &\n"
      "env SOLO_NODE=$(printf 'n\\377') SOLO_TENANT= setsid sh -c 'sleep 1003; true' &\n"
      "echo begun\n"
      "exec sleep 1000\n";
  deploy("tree", script_spec(script));
  ASSERT_TRUE(eventually([&] { return sleepers().size() == 4; }));
  const auto report = fix();
  EXPECT_EQ(named(report), Names{}) << words(report);
}

TEST_F(MarkerFaults, AServiceThatRunsOnUnderAnotherMarkerIsStillHeld) {
  start();
  deploy("chameleon", script_spec("#!/bin/sh\nSOLO_INSTANCE=other SOLO_SERVICE=web exec sleep 1000\n"));
  deploy("scrubbed", script_spec("#!/bin/sh\nexec env -u SOLO_INSTANCE sleep 1000\n"));
  ASSERT_TRUE(eventually([&] {
    return read_file(fmt::format("/proc/{}/cmdline", status("chameleon").pid)).starts_with("sleep") &&
           read_file(fmt::format("/proc/{}/cmdline", status("scrubbed").pid)).starts_with("sleep");
  }));
  const auto report = fix();
  EXPECT_EQ(named(report), Names{}) << words(report);
}

TEST_F(MarkerFaults, WhatCallsItselfACompilerOfThisRunIsNone) {
  start();
  deploy_sleeper("web");
  v1::CommandUnion body;
  body.Set(v1::InventoryT{});
  const auto reply = call(std::move(body), "*");
  const auto* inventory = reply.body.AsInventoryReport();
  ASSERT_NE(inventory, nullptr);
  for (const std::string& instance : {inventory->run + "-777", inventory->run + "-compile-1"}) {
    Child& stray = spawn_stray({.tenant = "system", .service = "compile", .generation = 0, .instance = instance});
    const auto report = fix();
    EXPECT_EQ(named(report), Names{"process_is_known system/compile"}) << words(report);
    EXPECT_EQ(report.repaired, 1U) << words(report);
    EXPECT_EQ(stray.wait(10s), 128 + SIGTERM);
  }
}

}  // namespace
}  // namespace solo::testing
