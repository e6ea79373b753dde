// What goes wrong with tokens and keys by mistake: it is said, says what to do, and gives no secret away.
#include "schemas/token.h"
#include "tests/integration/cli/cli_fixture.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

class CliMistakes : public CliTest {
 protected:
  Finished solo_with(std::vector<std::string> environment, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    environment.insert(environment.end(), {"SOLO_STATE_DIR=" + daemon_.state().string(), "SOLO_TENANT=acme"});
    return run(std::move(arguments), std::move(environment));
  }
  Finished shell(const std::string& line) const {
    return run({"/bin/sh", "-c", line}, {"SOLO_STATE_DIR=" + daemon_.state().string(), "SOLO_TENANT=acme"});
  }
};

TEST_F(CliMistakes, AVariableThatIsSetAndEmptyDoesNotMeanTheRootToken) {
  start();
  ASSERT_EQ(solo({"list"}).code, 0);
  for (const char* name : {"SOLO_TOKEN", "SOLO_TOKEN_FILE"}) {
    const auto refused = solo_with({std::string(name) + "="}, {"list"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_TRUE(holds(refused.err, std::string(name) + " is set and empty"));
    EXPECT_TRUE(holds(refused.err, "hint"));
  }
  EXPECT_EQ(solo_with({"SOLO_TOKEN="}, {"list", "--token", daemon_.root_token()}).code, 0) << "who says so means it";
  EXPECT_EQ(solo_with({}, {"list", "--token", ""}).code, 2);
  const auto missing = solo_with({"SOLO_TOKEN_FILE=/nonexist"}, {"list"});
  EXPECT_NE(missing.code, 0);
  EXPECT_TRUE(holds(missing.err, "SOLO_TOKEN_FILE"));
  EXPECT_TRUE(holds(missing.err, "hint"));
}

TEST_F(CliMistakes, WhatCannotBeMeantIsNamed) {
  const auto unknown = solo({"-t", "x", "list"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(holds(unknown.err, "unknown option -t"));
  const auto of = solo({"log", "read", "--of", "A_B"});
  EXPECT_EQ(of.code, 2);
  EXPECT_TRUE(holds(of.err, "--of: "));
  EXPECT_EQ(solo({"log", "read", "--of", "acme/a_b"}).code, 2);
}

TEST_F(CliMistakes, HelpIsFoundHoweverItIsAskedFor) {
  const auto page = solo({"deploy", "--help"});
  EXPECT_EQ(page.code, 0);
  EXPECT_EQ(solo({"help", "deploy"}).out, page.out);
  EXPECT_EQ(solo({"help"}).out, solo({"--help"}).out);
}

TEST_F(CliMistakes, ARevokedRootTokenIsSaidWhereverItMatters) {
  start();
  const auto running = solo({"token", "reset-root"});
  EXPECT_EQ(running.code, 1);
  EXPECT_TRUE(holds(running.err, "stop the daemon first"));
  EXPECT_FALSE(holds(running.err, "another state directory")) << "that would be another log";
  const std::string root = schemas::token_accessor(schemas::hash_token(daemon_.root_token()));
  ASSERT_EQ(solo({"token", "revoke", root, "--tenant", "system"}).code, 0);
  const auto refused = solo({"list"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(holds(refused.err, "solo token reset-root"));
  EXPECT_FALSE(holds(solo_with({}, {"list", "--token", test_token(1).text}).err, "reset-root")) << "not that one's";
  ASSERT_EQ(daemon_.stop(), 0);
  start();
  EXPECT_TRUE(eventually([&] { return daemon_.log().find("root token was revoked") != std::string::npos; }));
  ASSERT_EQ(daemon_.stop(), 0);
  const auto reset = solo({"token", "reset-root"});
  ASSERT_EQ(reset.code, 0) << reset.err;
  EXPECT_TRUE(holds(reset.err, "if that was revoked, so is all that it had granted"));
  start();
  EXPECT_EQ(solo({"list"}).code, 0);
}

TEST_F(CliMistakes, ASecretInAnIdOrANoteIsRefusedBeforeItIsInTheLog) {
  start();
  const std::string secret = test_token(7).text;
  const auto noted = solo({"token", "grant", "--permission", "read", "--note", "for ci: " + secret + "!"});
  EXPECT_EQ(noted.code, 2);
  EXPECT_TRUE(holds(noted.err, "the note holds a token"));
  const auto named = solo({"token", "grant", "--permission", "read", "--id", secret});
  EXPECT_EQ(named.code, 2);
  EXPECT_TRUE(holds(named.err, "id holds a token"));
  EXPECT_FALSE(holds(noted.err + named.err, secret));
  EXPECT_EQ(solo({"token", "grant", "--permission", "read", "--note", "solo_ is how tokens begin"}).code, 0);
  ASSERT_EQ(daemon_.stop(), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon_.state())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_file(entry.path()).find(secret), std::string::npos) << entry.path();
  }
}

TEST_F(CliMistakes, ATokenThatCouldNotBeShownIsToBeRevoked) {
  start();
  for (const char* where : {">/dev/full", ">&-"}) {
    for (const char* form : {"", " --json"}) {
      const auto lost = shell(std::string("exec " SOLO_PATH " token grant --permission read") + form + " " + where);
      EXPECT_NE(lost.code, 0) << where;
      EXPECT_TRUE(holds(lost.err, "revoke acc_")) << where << form;
    }
  }
}

TEST_F(CliMistakes, KeysThatAreNotThereOrNoPairAreNamedWithWhatToDo) {
  const auto pub = write("c1.pub", "public 0123456789012345678901234567890123456789\n");
  std::filesystem::permissions(pub, std::filesystem::perms(0644));
  const auto shown = solo({"keys", "show", pub.string()});
  EXPECT_EQ(shown.code, 2);
  EXPECT_TRUE(holds(shown.err, "holds a public key alone"));
  for (const auto& wrong : {solo({"keys", "show"}), solo({"keys", "generate", "/nonexist/x"}),
                            solo({"list", "--addr", "tcp://127.0.0.1:1", "--server-key", "@/nonexist"})}) {
    EXPECT_NE(wrong.code, 0);
    EXPECT_TRUE(holds(wrong.err, "hint"));
  }
}

TEST_F(CliMistakes, AWrongGlobSaysWhichFormsThereAre) {
  start();
  const auto refused = solo({"token", "grant", "--permission", "read", "--services", "*web"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(holds(refused.err, "every one (*)"));
}

}  // namespace
}  // namespace solo::testing
