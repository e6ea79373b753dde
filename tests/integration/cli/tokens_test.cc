// `solo token`: what an operator does with tokens.
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <set>

#include "schemas/token.h"
#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

class TokenCommands : public CliTest {
 protected:
  void SetUp() override { start(); }

  /// As whoever holds that token.
  Finished as(const std::string& token, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    return run(std::move(arguments),
               {"SOLO_STATE_DIR=" + daemon_.state().string(), "SOLO_TENANT=acme", "SOLO_TOKEN=" + token});
  }
  /// The secret, without its newline.
  std::string grant(std::vector<std::string> arguments, const std::string& granter = {}) const {
    arguments.insert(arguments.begin(), {"token", "grant"});
    const Finished finished = granter.empty() ? solo(arguments) : as(granter, arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.out.size(), schemas::kTokenLength + 1) << finished.out;
    const std::string token = finished.out.substr(0, finished.out.size() - 1);
    EXPECT_TRUE(schemas::check_token(token)) << finished.out;
    EXPECT_TRUE(holds(finished.err, accessor_of(token)));
    return token;
  }
  static std::string accessor_of(const std::string& token) {
    return schemas::token_accessor(schemas::hash_token(token));
  }
};

/// Files under `directory` that hold one of the texts.
std::set<std::string> files_with(const std::filesystem::path& directory, const std::vector<std::string>& texts) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string content = read_file(entry.path());
    for (const auto& text : texts) {
      if (content.find(text) != std::string::npos) found.insert(entry.path().filename());
    }
  }
  return found;
}

TEST_F(TokenCommands, TheFirstStartMakesARootTokenThatNobodyElseCanRead) {
  const auto path = daemon_.state() / "root.token";
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  EXPECT_TRUE(schemas::check_token(daemon_.root_token()));
  EXPECT_EQ(solo({"list"}).code, 0) << "solo finds it by itself";
}

TEST_F(TokenCommands, AGrantedTokenMayDoWhatItIsFor) {
  const std::string token =
      grant({"--permission", "deploy,read", "--services", "web*", "--ttl", "12h", "--note", "ci"});
  EXPECT_EQ(as(token, {"deploy", "web", "--exec", "--", "/bin/sleep", "100"}).code, 0);
  EXPECT_EQ(as(token, {"status", "web"}).code, 0);
  const auto kill = as(token, {"kill", "web"});
  EXPECT_EQ(kill.code, 1);
  EXPECT_TRUE(holds(kill.err, "permission kill"));
  EXPECT_EQ(as(token, {"deploy", "db", "--exec", "--", "/bin/sleep", "100"}).code, 1);
  EXPECT_EQ(as(token, {"status", "web", "--tenant", "globex"}).code, 1);
  const auto info = json({"token", "inspect", accessor_of(token)});
  EXPECT_EQ(info["state"], "live");
  EXPECT_EQ(info["note"], "ci");
  EXPECT_EQ(info["services"], "web*");
}

TEST_F(TokenCommands, JsonHoldsTheSecretOnceInAFieldOfItsOwn) {
  const auto granted = json({"token", "grant", "--permission", "read"});
  EXPECT_TRUE(schemas::check_token(granted["token"].get<std::string>()));
  EXPECT_EQ(granted["accessor"], accessor_of(granted["token"]));
  EXPECT_FALSE(json({"token", "inspect", granted["accessor"].get<std::string>()}).contains("token"));
}

TEST_F(TokenCommands, AFlagBeatsTheEnvironmentAndThatBeatsTheFiles) {
  const std::string reader = grant({"--permission", "read"});
  const std::string other = grant({"--permission", "logs"});
  const auto file = write("reader.token", reader + "\n");
  const auto code = [&](std::vector<std::string> arguments, std::vector<std::string> environment) {
    environment.push_back("SOLO_STATE_DIR=" + daemon_.state().string());
    environment.push_back("SOLO_TENANT=acme");
    arguments.insert(arguments.begin(), SOLO_PATH);
    return run(std::move(arguments), std::move(environment)).code;
  };
  EXPECT_EQ(code({"list"}, {"SOLO_TOKEN_FILE=" + file.string()}), 0);
  EXPECT_EQ(code({"list"}, {"SOLO_TOKEN=" + other, "SOLO_TOKEN_FILE=" + file.string()}), 1);
  EXPECT_EQ(code({"list", "--token", reader}, {"SOLO_TOKEN=" + other}), 0);
  EXPECT_EQ(code({"list", "--token", "nonsense"}, {}), 1);
  EXPECT_EQ(code({"list"}, {"SOLO_TOKEN_FILE=" + (files() / "none").string()}), 1);
  EXPECT_EQ(code({"list"}, {"SOLO_TOKEN_FILE=" + write("bad.token", "no token\n").string()}), 2);
}

TEST_F(TokenCommands, RevokingATokenEndsItAndItsChildren) {
  const std::string parent = grant({"--permission", "grant,read,revoke"});
  const std::string child = grant({"--permission", "read"}, parent);
  EXPECT_EQ(as(child, {"list"}).code, 0);
  const auto table = solo({"token", "list"});
  EXPECT_TRUE(holds(table.out, "\n  " + accessor_of(child))) << "the child is under its parent";
  EXPECT_EQ(json({"token", "list", "--all-tenants"})["tokens"].size(), 3U);
  ASSERT_EQ(solo({"token", "revoke", accessor_of(parent)}).code, 0);
  const auto denied = as(child, {"list"});
  EXPECT_EQ(denied.code, 1);
  EXPECT_TRUE(holds(denied.err, "no valid token"));
  EXPECT_EQ(json({"token", "inspect", accessor_of(child)})["state"], "fallen");
}

TEST_F(TokenCommands, RevokingAllOfATenantIsOneCommandAndNeverAnAccident) {
  const std::string token = grant({"--permission", "read"});
  EXPECT_EQ(solo({"token", "revoke"}).code, 2);
  EXPECT_EQ(solo({"token", "revoke", "--all", accessor_of(token)}).code, 2);
  EXPECT_EQ(as(token, {"list"}).code, 0);
  ASSERT_EQ(solo({"token", "revoke", "--all"}).code, 0);
  EXPECT_EQ(as(token, {"list"}).code, 1);
  EXPECT_EQ(solo({"list"}).code, 0) << "the root token is of another tenant";
}

TEST_F(TokenCommands, WrongWordsAreToldFromARefusal) {
  EXPECT_EQ(solo({"token", "grant"}).code, 2);
  const auto typo = solo({"token", "grant", "--permission", "reed"});
  EXPECT_EQ(typo.code, 2);
  EXPECT_TRUE(holds(typo.err, "read"));
  EXPECT_EQ(solo({"token", "grant", "--permission", "read", "--ttl", "2y"}).code, 2);
  EXPECT_EQ(solo({"token", "grant", "--permission", "read", "--ttl", "367d"}).code, 2);
  EXPECT_EQ(solo({"token", "inspect", "acc_00000000000000000000"}).code, 1);
  EXPECT_EQ(solo({"token", "inspect", "nonsense"}).code, 2);
  const std::string reader = grant({"--permission", "read"});
  EXPECT_EQ(as(reader, {"token", "grant", "--permission", "read"}).code, 1);
  EXPECT_EQ(solo({"list", "--addr", daemon_.endpoint()}).code, 0);
}

TEST_F(TokenCommands, OperatorsHaveTokensForEveryTenant) {
  const std::string operators = grant({"--all-tenants", "--permission", "read,grant"});
  EXPECT_EQ(as(operators, {"list", "--all-tenants"}).code, 0);
  EXPECT_EQ(as(operators, {"list", "--tenant", "globex"}).code, 0);
  const std::string tenant = grant({"--permission", "read", "--tenant", "globex"}, operators);
  EXPECT_EQ(as(tenant, {"list", "--tenant", "globex"}).code, 0);
  EXPECT_EQ(as(tenant, {"list", "--all-tenants"}).code, 1);
  ASSERT_EQ(solo({"token", "revoke", accessor_of(operators), "--tenant", "system"}).code, 0);
  EXPECT_EQ(as(tenant, {"list", "--tenant", "globex"}).code, 1);
}

TEST_F(TokenCommands, ALostRootTokenIsReplacedWithTheDaemonStoppedAndNothingFalls) {
  const std::string token = grant({"--permission", "read"});
  const std::string root = daemon_.root_token();
  const auto busy = solo({"token", "reset-root"});
  EXPECT_EQ(busy.code, 1) << busy.err;
  ASSERT_EQ(daemon_.stop(), 0);
  std::filesystem::remove(daemon_.state() / "root.token");
  const auto reset = solo({"token", "reset-root"});
  ASSERT_EQ(reset.code, 0) << reset.err;
  EXPECT_NE(daemon_.root_token(), root);
  EXPECT_FALSE(std::filesystem::exists(daemon_.state() / "root.token.new"));
  start();
  EXPECT_EQ(as(root, {"list"}).code, 1);
  EXPECT_EQ(as(token, {"list"}).code, 0);
  EXPECT_EQ(solo({"list"}).code, 0);
  EXPECT_EQ(json({"token", "inspect", accessor_of(root), "--all-tenants"})["state"], "replaced");
}

TEST_F(TokenCommands, AResetThatWasInterruptedIsFinishedOrForgotten) {
  const std::string root = daemon_.root_token();
  ASSERT_EQ(daemon_.stop(), 0);
  // Before its event was in the log.
  const auto next = daemon_.state() / "root.token.new";
  std::ofstream(next) << "solo_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2envj8\n";
  start();
  EXPECT_FALSE(std::filesystem::exists(next));
  EXPECT_EQ(daemon_.root_token(), root);
  EXPECT_EQ(solo({"list"}).code, 0);
  ASSERT_EQ(daemon_.stop(), 0);
  // After it.
  ASSERT_EQ(solo({"token", "reset-root"}).code, 0);
  const std::string made = daemon_.root_token();
  std::filesystem::rename(daemon_.state() / "root.token", next);
  std::ofstream(daemon_.state() / "root.token") << root << '\n';
  start();
  EXPECT_EQ(daemon_.root_token(), made);
  EXPECT_EQ(solo({"list"}).code, 0);
}

TEST_F(TokenCommands, NoFileAndNoOutputHoldsASecretButRootToken) {
  std::vector<std::string> secrets;
  std::string granter;
  for (int depth = 0; depth < 3; ++depth) {
    secrets.push_back(grant({"--permission", "admin", "--note", "level"}, granter));
    granter = secrets.back();
  }
  std::string shown;
  for (const auto& token : secrets) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"list"},
                                                  {"deploy", "web", "--replace", "--exec", "--", "/bin/sleep", "100"},
                                                  {"kill", "nothing"},
                                                  {"token", "list"},
                                                  {"token", "inspect", accessor_of(token)},
                                                  {"health"},
                                                  {"--json", "list"},
                                                  {"--json", "token", "list"}}) {
      const auto finished = as(token, words);
      shown += finished.out + finished.err;
    }
  }
  shown += as(secrets[2] + "x", {"list"}).err + as("solo_" + secrets[2], {"list"}).err;
  shown +=
      solo({"token", "list", "--all-tenants"}).out + solo({"log", "read"}).out + solo({"--json", "log", "read"}).out;
  ASSERT_EQ(solo({"token", "revoke", accessor_of(secrets[0])}).code, 0);
  secrets.push_back(daemon_.root_token());
  for (const bool running : {true, false}) {
    if (!running) {
      ASSERT_EQ(daemon_.stop(), 0);
    }
    EXPECT_EQ(files_with(daemon_.state(), secrets), std::set<std::string>{"root.token"});
  }
  for (const auto& token : secrets) {
    EXPECT_EQ(shown.find(token), std::string::npos);
    EXPECT_EQ(daemon_.log().find(token), std::string::npos);
  }
}

TEST_F(TokenCommands, ATokenOnTheCommandLineIsGoneFromThereWhileSoloRuns) {
  const std::string token = grant({"--permission", "deploy,read"});
  // A daemon that is held answers nothing while this looks.
  for (const std::vector<std::string>& given :
       {std::vector<std::string>{"--token", token}, std::vector<std::string>{"--token=" + token}}) {
    std::vector<std::string> argv{SOLO_PATH,  "deploy", "held",        "--exec",
                                  "--tenant", "acme",   "--state-dir", daemon_.state().string()};
    argv.insert(argv.end(), given.begin(), given.end());
    argv.insert(argv.end(), {"--", "/bin/sleep", "--token", "of-its-own"});
    daemon_.child().freeze();
    Child waits(argv, files() / "out", files() / "err");
    const auto line = [&] { return read_file("/proc/" + std::to_string(waits.pid()) + "/cmdline"); };
    EXPECT_TRUE(eventually([&] { return line().find("****") != std::string::npos; })) << line();
    EXPECT_EQ(line().find(token.substr(5)), std::string::npos);
    EXPECT_NE(line().find("of-its-own"), std::string::npos) << "a program's own arguments are left alone";
    waits.kill9();
    daemon_.child().thaw();
  }
}

TEST_F(TokenCommands, TheDaemonsMemoryIsClosedToItsServices) {
  // What the kernel says of a process that may be looked into by its own user.
  const auto owner = [](pid_t process) {
    struct stat about {};
    EXPECT_EQ(::stat(("/proc/" + std::to_string(process) + "/maps").c_str(), &about), 0);
    return about.st_uid;
  };
  ASSERT_EQ(solo({"deploy", "nap", "--exec", "--", "/bin/sleep", "100"}).code, 0);
  const auto processes = daemon_.processes();
  ASSERT_EQ(processes.size(), 1U) << "services are found as before";
  EXPECT_EQ(owner(processes[0].pid), ::getuid());
  EXPECT_EQ(owner(daemon_.child().pid()), 0U);
}

}  // namespace
}  // namespace solo::testing
