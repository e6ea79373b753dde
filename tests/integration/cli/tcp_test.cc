// `solo` and `solod` over tcp: keys, endpoints, and what is said when something is wrong with them.
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include "producers/curve_keys.h"
#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

class CliTcp : public CliTest {
 protected:
  /// solo on a machine of its own: without the state directory.
  Finished remote(std::vector<std::string> arguments, std::vector<std::string> environment) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    environment.push_back("SOLO_STATE_DIR=" + (files() / "none").string());
    environment.push_back("SOLO_TENANT=acme");
    environment.push_back("SOLO_TOKEN=" + daemon_.root_token());
    return run(std::move(arguments), std::move(environment));
  }
  std::string generate(const std::string& name) const {
    const auto made = solo({"keys", "generate", (files() / name).string()});
    EXPECT_EQ(made.code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  }
  /// The daemon with these further arguments; its tcp endpoint.
  std::string start_tcp(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--gateway-listen", "tcp://127.0.0.1:0"});
    daemon_.set_arguments(std::move(arguments));
    start();
    std::istringstream lines(read_file(daemon_.state() / "endpoints"));
    std::string local, tcp;
    std::getline(lines, local);
    std::getline(lines, tcp);
    EXPECT_EQ(local, daemon_.endpoint()) << "the Unix socket is there, too";
    return tcp;
  }
  /// solod ends with this status; what it said.
  std::string refused(std::vector<std::string> arguments, ExitCode status) {
    daemon_.set_arguments(std::move(arguments));
    daemon_.launch();
    EXPECT_EQ(daemon_.child().wait(std::chrono::seconds(20)), status) << daemon_.log();
    return daemon_.log();
  }
};

TEST_F(CliTcp, GeneratedKeysAreForTheirOwnerAloneAndTheirPublicHalfIsPrinted) {
  const std::string key = generate("client.key");
  EXPECT_EQ(key.size(), 40U);
  struct stat info {};
  ASSERT_EQ(::stat((files() / "client.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(json({"keys", "show", (files() / "client.key").string()})["public"], key);
  EXPECT_EQ(solo({"keys", "generate", (files() / "client.key").string()}).code, 1) << "it is there already";
  EXPECT_EQ(solo({"keys", "generate"}).code, 2);
  EXPECT_EQ(solo({"keys", "show"}).code, 1) << "the daemon has made none";
}

TEST_F(CliTcp, AnAllowedClientDoesOverTcpWhatItDoesOverTheSocket) {
  const std::string key = generate("client.key");
  const std::string tcp = start_tcp({"--gateway-client-keys", key});
  const auto server = solo({"keys", "show"});
  ASSERT_EQ(server.code, 0) << server.err;
  const std::string server_key = server.out.substr(0, 40);
  EXPECT_TRUE(holds(daemon_.log(), tcp));
  EXPECT_TRUE(holds(daemon_.log(), server_key));
  const auto path = (files() / "client.key").string();
  const auto flags = remote({"deploy", "web", "--exec", "--addr", tcp, "--server-key", server_key, "--client-keys",
                             path, "--", "/bin/sleep", "1000"},
                            {});
  EXPECT_EQ(flags.code, 0) << flags.err;
  // The server's key from a file, and all of it from the environment.
  const auto file = write("server.pub", server_key + "\n");
  const auto listed =
      remote({"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=@" + file.string(), "SOLO_CLIENT_KEYS=" + path});
  EXPECT_EQ(listed.code, 0) << listed.err;
  // Nor is a file taken for a key because its name is as long as one.
  const auto folder = std::filesystem::path("/tmp");
  std::string name = "k" + std::to_string(::getpid());
  name.resize(39 - folder.string().size() - 1, 'k');
  std::filesystem::copy_file(file, folder / name);
  const auto by_name = remote(
      {"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=@" + (folder / name).string(), "SOLO_CLIENT_KEYS=" + path});
  std::filesystem::remove(folder / name);
  EXPECT_EQ(by_name.code, 0) << by_name.err;
  EXPECT_TRUE(holds(listed.out, "web"));
  EXPECT_TRUE(holds(solo({"list"}).out, "web"));
  struct stat info {};
  ASSERT_EQ(::stat((daemon_.state() / "server.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(CliTcp, TheServersKeyStaysOverRestartsAndItsEndpointsGoWithIt) {
  const std::string key = generate("client.key");
  start_tcp({"--gateway-client-keys", key});
  const std::string first = solo({"keys", "show"}).out;
  ASSERT_EQ(daemon_.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(daemon_.state() / "endpoints"));
  start();
  EXPECT_EQ(solo({"keys", "show"}).out, first);
  const auto secret = producers::read_curve_keys(daemon_.state() / "server.key");
  ASSERT_TRUE(secret);
  EXPECT_EQ(daemon_.log().find(producers::to_z85(secret->secret_key)), std::string::npos);
}

TEST_F(CliTcp, AClientThatIsNotAllowedHearsWhatToDo) {
  const std::string tcp = start_tcp({"--gateway-client-keys", generate("client.key")});
  const std::string other = generate("other.key");
  const std::vector<std::string> where{"SOLO_ADDR=" + tcp,
                                       "SOLO_SERVER_KEY=" + solo({"keys", "show"}).out.substr(0, 40)};
  auto environment = where;
  environment.push_back("SOLO_CLIENT_KEYS=" + (files() / "other.key").string());
  const auto refused = remote({"list"}, environment);
  EXPECT_EQ(refused.code, 1) << refused.err;
  EXPECT_TRUE(holds(refused.err, other));
  EXPECT_TRUE(holds(refused.err, "gateway.client_keys"));
  EXPECT_EQ(remote({"list"}, where).code, 1) << "keys made for this run are not allowed either";
  EXPECT_TRUE(eventually([&] { return daemon_.log().find("its key is not allowed") != std::string::npos; }));
  EXPECT_TRUE(holds(daemon_.log(), other)) << "the operator sees which key that was";
}

TEST_F(CliTcp, AnyClientKeyLetsKeysInThatNobodyListed) {
  const std::string tcp = start_tcp({"--gateway-any-client-key", "true"});
  const auto health =
      remote({"health"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=" + solo({"keys", "show"}).out.substr(0, 40)});
  EXPECT_EQ(health.code, 0) << health.err;
}

TEST_F(CliTcp, WhatIsMissingIsSaid) {
  const std::string tcp = start_tcp({"--gateway-client-keys", generate("client.key")});
  EXPECT_EQ(remote({"list"}, {"SOLO_ADDR=" + tcp}).code, 2);
  EXPECT_TRUE(holds(remote({"list"}, {"SOLO_ADDR=" + tcp}).err, "--server-key"));
  EXPECT_EQ(remote({"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=short"}).code, 2);
  EXPECT_EQ(remote({"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=@/nowhere"}).code, 2);
  EXPECT_EQ(
      remote({"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=" + generate("a.key"), "SOLO_CLIENT_KEYS=/nowhere"}).code,
      2);
  // One of another's, however it begins.
  for (const std::string& key : {generate("b.key"), std::string("@rq:rM>}U?Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")}) {
    const auto wrong = remote({"list"}, {"SOLO_ADDR=" + tcp, "SOLO_SERVER_KEY=" + key});
    EXPECT_EQ(wrong.code, 3) << key;
    EXPECT_TRUE(holds(wrong.err, "is --server-key the public key of that daemon?"));
  }
}

TEST_F(CliTcp, AConfigurationThatLetsNobodyInOrAnybodyByMistakeIsRefused) {
  EXPECT_TRUE(holds(refused({"--gateway-listen", "tcp://127.0.0.1:0"}, 2), "nobody could connect"));
  EXPECT_TRUE(holds(refused({"--gateway-client-keys", generate("client.key")}, 2), "has no tcp endpoint"));
  EXPECT_TRUE(holds(refused({"--gateway-any-client-key", "true"}, 2), "has no tcp endpoint"));
  EXPECT_TRUE(holds(refused({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-any-client-key", "true",
                             "--gateway-client-keys", generate("other.key")},
                            2),
                    "leave one of the two out"));
  std::filesystem::create_directory(daemon_.state());
  // Others may enter it: nothing is made there but the lock.
  std::filesystem::permissions(daemon_.state(), std::filesystem::perms(0755));
  EXPECT_TRUE(
      holds(refused({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-any-client-key", "true"}, 1), "chmod 700"));
  for (const char* name : {"log", "views", "server.key", "root.token"}) {
    EXPECT_FALSE(std::filesystem::exists(daemon_.state() / name)) << name;
  }
  std::filesystem::permissions(daemon_.state(), std::filesystem::perms::owner_all);
  std::ofstream(daemon_.state() / "server.key") << "x";
  EXPECT_TRUE(
      holds(refused({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-any-client-key", "true"}, 1), "chmod 600"));
}

TEST_F(CliTcp, APortThatIsTakenIsSaid) {
  const std::string tcp = start_tcp({"--gateway-any-client-key", "true"});
  Daemon second({"--gateway-listen", tcp, "--gateway-any-client-key", "true"});
  second.launch();
  EXPECT_EQ(second.child().wait(std::chrono::seconds(20)), 1);
  EXPECT_TRUE(holds(second.log(), "somebody listens at " + tcp));
}

}  // namespace
}  // namespace solo::testing
