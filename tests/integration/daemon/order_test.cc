// What an operator may rely on when orders follow one another and programs misbehave: a real daemon, real processes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

class Orders : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    client_ = daemon_.client();
  }

  v1::ReplyT call(v1::RequestT request) {
    auto reply = client_->call(std::move(request));
    if (!reply) {
      ADD_FAILURE() << reply.error().message << "\n" << daemon_.log();
      return {};
    }
    return *std::move(reply);
  }

  v1::ReplyT deploy(const std::string& service, v1::SpecT spec, v1::Wait wait = v1::Wait::done) {
    return call(deploy_request({}, "acme", service, std::move(spec), wait));
  }

  v1::ServiceStatusT status(const std::string& service) {
    v1::RequestT request;
    request.tenant = "acme";
    v1::StatusT body;
    body.service = service;
    request.body.Set(std::move(body));
    const auto reply = call(std::move(request));
    const auto* found = reply.body.AsServiceStatus();
    return found != nullptr ? *found : v1::ServiceStatusT{};
  }

  bool eventually_in(const std::string& service, v1::ServiceState state) {
    return eventually([&] { return status(service).state == state; });
  }

  Daemon daemon_;
  std::unique_ptr<producers::CommandClient> client_;
};

v1::SpecT sleeper() { return exec_spec({"/bin/sleep", "1000000"}); }

TEST_F(Orders, DeployKillDeployRestartOfTheDaemonRunsTheSecondGenerationOnce) {
  ASSERT_TRUE(deploy("web", sleeper()).ok);
  ASSERT_TRUE(call(kill_request({}, "acme", "web")).ok);
  const auto second = deploy("web", sleeper());
  ASSERT_TRUE(second.ok);
  daemon_.kill9();
  while (daemon_.kill_services() > 0) pause_briefly();
  ASSERT_TRUE(daemon_.start()) << daemon_.log();
  const auto running = daemon_.processes();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running.front().generation, second.body.AsServiceStatus()->generation);
}

TEST_F(Orders, AServiceThatCannotStartDoesNotHoldUpTheOthers) {
  // Held before its exec by a FIFO without a reader, until its start-up timeout.
  const auto home = daemon_.state() / "services" / "acme" / "held";
  std::filesystem::create_directories(home);
  ASSERT_EQ(mkfifo((home / "output.log").c_str(), 0600), 0);
  ASSERT_TRUE(deploy("held", sleeper(), v1::Wait::accepted).ok);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(deploy("good-" + std::to_string(i), sleeper()).ok);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  EXPECT_EQ(status("held").state, v1::ServiceState::starting);
}

TEST_F(Orders, AServiceThatCannotStartIsNoOtherOnesDelayAfterACrashEither) {
  ASSERT_TRUE(deploy("first", sleeper()).ok);
  ASSERT_TRUE(deploy("held", sleeper()).ok);
  ASSERT_TRUE(deploy("last", sleeper()).ok);
  daemon_.kill9();
  while (daemon_.kill_services() > 0) pause_briefly();
  const auto output = daemon_.state() / "services" / "acme" / "held" / "output.log";
  std::filesystem::remove(output);
  ASSERT_EQ(mkfifo(output.c_str(), 0600), 0);
  daemon_.launch();
  EXPECT_TRUE(eventually([&] { return daemon_.processes().size() == 2; }, std::chrono::seconds(4))) << daemon_.log();
}

TEST_F(Orders, ACrashingServiceIsRestartedWithinItsLimitsAndTakesNothingElseDown) {
  ASSERT_TRUE(deploy("steady", sleeper()).ok);
  const auto before = status("steady");
  auto spec = script_spec("#!/bin/sh\necho about to fall\nexit 7\n");
  spec.restart_limits.ensure().max_restarts = 3;
  ASSERT_TRUE(deploy("falling", std::move(spec), v1::Wait::applied).ok);
  ASSERT_TRUE(eventually_in("falling", v1::ServiceState::failed)) << daemon_.log();
  const auto failed = status("falling");
  EXPECT_EQ(failed.exit_status, "exit 7");
  EXPECT_EQ(failed.restarts, 3U);
  EXPECT_NE(failed.reason.find("3 times"), std::string::npos) << failed.reason;
  EXPECT_EQ(status("steady").pid, before.pid);
  EXPECT_EQ(daemon_.processes().size(), 1U);
}

TEST_F(Orders, NoDescriptorOfTheDaemonIsOpenInAService) {
  ASSERT_TRUE(deploy("lister", script_spec("#!/bin/sh\nls -l /proc/self/fd\nexec sleep 1000000\n")).ok);
  const auto output = daemon_.state() / "services" / "acme" / "lister" / "output.log";
  // `ls` itself has the directory open; the shell, its script.
  ASSERT_TRUE(eventually([&] { return read_file(output).find("/proc/") != std::string::npos; }));
  const std::string listing = read_file(output);
  EXPECT_EQ(listing.find("command.sock"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("socket:"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("anon_inode"), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "log").string()), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "lock").string()), std::string::npos) << listing;
  EXPECT_EQ(listing.find((daemon_.state() / "views").string()), std::string::npos) << listing;
}

}  // namespace
}  // namespace solo::testing
