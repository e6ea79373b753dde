// What a person and a script get from each command.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/integration/cli/cli_fixture.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {
namespace {

class Commands : public CliTest {
 protected:
  void SetUp() override { start(); }

  void deploy_sleep(const std::string& service) {
    const auto finished = solo({"deploy", service, "--exec", "--", "/usr/bin/sleep", "1000"});
    ASSERT_EQ(finished.code, 0) << finished.err;
  }
  /// The error that a command ends with, by --json.
  nlohmann::json error(std::vector<std::string> arguments, ExitCode expected) {
    return json(std::move(arguments), expected)["error"];
  }
};

TEST_F(Commands, DeployStatusListKillInWordsForPeople) {
  const auto script = write("hello.sh", "#!/bin/sh\necho hello from $SOLO_SERVICE $GREETING\nexec sleep 1000\n");
  auto finished = solo({"deploy", "hello", script, "--env", "GREETING=hi"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(holds(finished.out, "acme/hello: running, generation 1, pid "));
  EXPECT_EQ(finished.err, "");
  EXPECT_TRUE(holds(solo({"status", "hello"}).out, "state:       running"));
  EXPECT_TRUE(holds(solo({"list"}).out, "acme    hello    running  1           script"));
  EXPECT_TRUE(eventually([&] { return solo({"logs", "hello"}).out == "hello from hello hi\n"; }));
  EXPECT_TRUE(holds(solo({"restart", "hello"}).out, "acme/hello: running, generation 1, pid "));
  EXPECT_TRUE(holds(solo({"kill", "hello"}).out, "acme/hello: killed, generation 1"));
  finished = solo({"list"});
  EXPECT_EQ(finished.out, "");
  EXPECT_TRUE(holds(finished.err, "no services"));
  EXPECT_TRUE(holds(solo({"list", "--all"}).out, "killed"));
  EXPECT_TRUE(daemon_.processes().empty());
}

TEST_F(Commands, TheSameInJsonForPrograms) {
  deploy_sleep("nap");
  const auto status = json({"status", "nap"});
  EXPECT_EQ(status["service"], "nap");
  EXPECT_EQ(status["state"], "running");
  EXPECT_GT(status["pid"].get<int>(), 0);
  EXPECT_EQ(json({"list"})["services"].size(), 1U);
  EXPECT_EQ(json({"logs", "nap"})["text"], "");
  EXPECT_EQ(json({"health"})["status"], "ok");
  EXPECT_EQ(json({"recovery", "report"})["failed"], 0);
  EXPECT_EQ(json({"kill", "nap", "--force"})["state"], "killed");
  EXPECT_TRUE(json({"version"})["version"].is_string());
}

TEST_F(Commands, AnOrderThatIsAcceptedIsAnsweredWithItsPosition) {
  const std::vector<std::string> deploy{"deploy", "nap", "--wait",         "accepted",
                                        "--exec", "--",  "/usr/bin/sleep", "1000"};
  EXPECT_TRUE(holds(solo(deploy).out, "in the log at 0:"));
  EXPECT_TRUE(eventually([&] { return solo({"status", "nap"}).code == 0; }));
  const auto answer = json({"restart", "nap", "--wait", "accepted"});
  EXPECT_EQ(answer["position"].get<std::string>().rfind("0:", 0), 0U) << answer.dump();
}

TEST_F(Commands, MoreOutputThanAnAnswerHoldsIsRefusedWithWhereItIs) {
  const auto refused = error({"logs", "nap", "--tail", "900000"}, 2);
  EXPECT_EQ(refused["message"], "--tail is 1 to 524288");
  EXPECT_TRUE(holds(refused["hint"].get<std::string>(), "output.log"));
}

TEST_F(Commands, CommandSentTwiceByTheSameIdTakesEffectOnce) {
  const std::vector<std::string> deploy{"deploy", "nap", "--id", "once", "--exec", "--", "/usr/bin/sleep", "1000"};
  ASSERT_EQ(solo(deploy).code, 0);
  const auto again = solo(deploy);
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(holds(again.out, "generation 1"));
  EXPECT_TRUE(holds(again.out, "nothing was done again"));
  auto other = deploy;
  other[1] = "other";
  EXPECT_NE(solo(other).code, 0) << "an id is taken for one request only";
  EXPECT_EQ(daemon_.processes().size(), 1U);
}

TEST_F(Commands, DuplicateDeployIsRefusedUnlessItReplaces) {
  deploy_sleep("nap");
  const auto refused = error({"deploy", "nap", "--exec", "--", "/usr/bin/sleep", "1"}, 1);
  EXPECT_EQ(refused["code"], "already_exists");
  EXPECT_TRUE(holds(refused["hint"], "--replace"));
  const auto replaced = solo({"deploy", "nap", "--replace", "--exec", "--", "/usr/bin/sleep", "2000"});
  EXPECT_EQ(replaced.code, 0) << replaced.err;
  EXPECT_TRUE(holds(replaced.out, "generation 2"));
  EXPECT_EQ(error({"kill", "nap", "--if-generation", "1"}, 1)["code"], "failed_precondition");
}

TEST_F(Commands, KillOfSomethingUnknownIsNotFound) {
  EXPECT_EQ(error({"kill", "ghost"}, 1)["code"], "not_found");
  EXPECT_EQ(error({"status", "ghost"}, 1)["code"], "not_found");
  EXPECT_EQ(error({"restart", "ghost"}, 1)["code"], "not_found");
  EXPECT_EQ(error({"logs", "ghost"}, 1)["code"], "not_found");
}

TEST_F(Commands, MissingProgramIsNamed) {
  const auto finished = solo({"deploy", "ghost", "--exec", "--", "/nowhere/ghost"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "/nowhere/ghost"));
  EXPECT_TRUE(holds(solo({"list"}).out, "failed"));
}

TEST_F(Commands, ScriptWithoutShebangIsRefusedWithWhatToDo) {
  const auto finished = solo({"deploy", "bare", write("bare.sh", "echo hello\n")});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(holds(finished.err, "no #! line"));
  EXPECT_TRUE(holds(finished.err, "#!/bin/sh"));
  const auto forced = solo({"deploy", "bare", write("bare.sh", "echo hello\n"), "--format", "script"});
  EXPECT_EQ(forced.code, 2) << "the daemon refuses it too";
}

TEST_F(Commands, CompilersWordsAreShown) {
  const auto source = write("broken.cc", "int main() { return undeclared_name; }\n");
  const auto finished = solo({"deploy", "broken", source});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "undeclared_name"));
  const auto shown = error({"deploy", "broken", source}, 1);
  EXPECT_EQ(shown["code"], "failed_precondition");
  EXPECT_TRUE(holds(shown["message"], "undeclared_name"));
  EXPECT_TRUE(holds(solo({"status", "broken"}).out, "undeclared_name"));
}

TEST_F(Commands, BadNamesAreUsageErrors) {
  for (const char* name : {"Upper", "under_score", "a/b", "-x", "x-", "..", "white space"}) {
    const auto finished = solo({"status", "--tenant=acme", "--json", name});
    EXPECT_EQ(finished.code, 2) << name;
    EXPECT_TRUE(holds(finished.out, "invalid_argument")) << name;
  }
  EXPECT_EQ(error({"status", "web", "--tenant", "Bad_Tenant"}, 2)["code"], "invalid_argument");
  EXPECT_EQ(error({"deploy", "web", "--env", "SOLO_X=1", "--exec", "--", "/bin/true"}, 2)["code"], "invalid_argument");
}

TEST_F(Commands, UsageErrorsAreExitStatusTwoOnStderrOrInJson) {
  auto finished = solo({"deploy"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_EQ(finished.out, "");
  EXPECT_TRUE(holds(finished.err, "missing SERVICE"));
  EXPECT_EQ(solo({"lits"}).code, 2);
  EXPECT_EQ(solo({"list", "--no-such-option"}).code, 2);
  EXPECT_EQ(solo({"deploy", "x", "--exec"}).code, 2);
  EXPECT_EQ(error({"deploy", "x", "--exec", "--wait", "forever", "--", "/bin/true"}, 2)["code"], "invalid_argument");
  EXPECT_EQ(error({"log"}, 2)["code"], "invalid_argument");
  EXPECT_EQ(solo({"list", "--state-dir", ""}).code, 2) << "a variable that is not set is no directory";
  EXPECT_EQ(solo({"list", "--all-tenants", "--tenant", "x"}).code, 2);
  EXPECT_EQ(error({"deploy", "x", "/nowhere/file.sh"}, 2)["code"], "invalid_argument");
  EXPECT_EQ(run({SOLO_PATH, "list"}, {"SOLO_TENANT=", "SOLO_STATE_DIR=" + daemon_.state().string()}).code, 2)
      << "no tenant";
}

TEST_F(Commands, OutputThatGetsLostIsAFailure) {
  deploy_sleep("nap");
  const auto shell = [this](const std::string& redirection) {
    return run({"/bin/sh", "-c", std::string(SOLO_PATH) + " list --all-tenants " + redirection},
               {"SOLO_STATE_DIR=" + daemon_.state().string()});
  };
  const auto lost = shell(">/dev/full");
  EXPECT_EQ(lost.code, 3);
  EXPECT_TRUE(holds(lost.err, "No space left on device"));
  EXPECT_EQ(shell(">&-").code, 0) << "nobody wanted it";
}

TEST_F(Commands, ListsOfEveryTenantComeTogether) {
  deploy_sleep("a");
  ASSERT_EQ(solo({"deploy", "b", "--tenant", "globex", "--exec", "--", "/usr/bin/sleep", "1000"}).code, 0);
  const auto all = json({"list", "--all-tenants"})["services"];
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["tenant"], "acme");
  EXPECT_EQ(all[1]["tenant"], "globex");
  EXPECT_EQ(json({"list"})["services"].size(), 1U);
}

TEST_F(Commands, FullFileSystemRefusesWritesKeepsReadingAndRecoversByItself) {
  deploy_sleep("before");
  ASSERT_EQ(daemon_.stop(), 0);
  const DiskRoomLock lock;
  // The watermark is put a little under the room there is, and a file takes more than that.
  const auto room = std::filesystem::space(daemon_.state()).available;
  const auto margin = std::min<std::uintmax_t>(room / 8, 512 << 20);
  daemon_.set_arguments({"--log-min-free-bytes", std::to_string(room - margin)});
  start();
  // Others take and give back room meanwhile.
  const auto now = std::filesystem::space(daemon_.state()).available;
  const auto excess = now > room - margin ? now - (room - margin) : 0;
  const auto filler = files() / "filler";
  const int file = open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(posix_fallocate(file, 0, static_cast<off_t>(excess + margin)), 0);
  close(file);
  const auto refused = error({"deploy", "during", "--exec", "--", "/usr/bin/sleep", "1000"}, 3);
  EXPECT_EQ(refused["code"], "resource_exhausted");
  EXPECT_EQ(json({"list"})["services"].size(), 1U);
  EXPECT_EQ(json({"health"}, 1)["status"], "degraded");
  std::filesystem::remove(filler);
  EXPECT_TRUE(eventually([&] {
    return solo({"deploy", "after", "--exec", "--", "/usr/bin/sleep", "1000"}).code == 0;
  }));
  EXPECT_EQ(json({"list"})["services"].size(), 2U);
}

}  // namespace
}  // namespace solo::testing
