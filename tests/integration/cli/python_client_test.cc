// The example of a client in another language, against a real daemon.
#include <chrono>
#include <sstream>

#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

class PythonClient : public CliTest {
 protected:
  Finished python(std::vector<std::string> arguments, std::vector<std::string> environment) const {
    // Debian's own: python3-zmq is its package.
    arguments.insert(arguments.begin(), {"/usr/bin/python3", SOLO_PYTHON_CLIENT});
    environment.insert(environment.end(), {"SOLO_TENANT=acme", "SOLO_TOKEN=" + daemon_.root_token()});
    return run(std::move(arguments), std::move(environment));
  }
};

TEST_F(PythonClient, DeploysListsAndKillsOverTcpAndOverTheSocket) {
  const auto keys = (files() / "client.key").string();
  const std::string key = solo({"keys", "generate", keys}).out.substr(0, 40);
  daemon_.set_arguments({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-client-keys", key});
  start();
  std::istringstream endpoints(read_file(daemon_.state() / "endpoints"));
  const std::string server_key = solo({"keys", "show"}).out.substr(0, 40);
  int served = 0;
  for (std::string endpoint; std::getline(endpoints, endpoint); ++served) {
    const std::vector<std::string> where{"SOLO_ADDR=" + endpoint, "SOLO_SERVER_KEY=" + server_key,
                                         "SOLO_CLIENT_KEYS=" + keys};
    const std::string service = "nap-" + std::to_string(served);
    const auto deployed = python({"deploy", service, "--", "/bin/sleep", "1000"}, where);
    ASSERT_EQ(deployed.code, 0) << deployed.err;
    EXPECT_EQ(nlohmann::json::parse(deployed.out)["state"], "running") << deployed.out;
    const auto listed = python({"list"}, where);
    ASSERT_EQ(listed.code, 0) << listed.err;
    EXPECT_TRUE(holds(listed.out, service));
    ASSERT_EQ(python({"kill", service}, where).code, 0);
    EXPECT_EQ(json({"status", service})["state"], "killed");
    const auto refused = python({"kill", service}, where);
    EXPECT_EQ(refused.code, 1) << "the daemon's answer is no";
    EXPECT_TRUE(holds(refused.err, "not_found"));
    EXPECT_TRUE(holds(refused.err, "hint: "));
  }
  EXPECT_EQ(served, 2) << "ipc and tcp";
}

TEST_F(PythonClient, AKeyThatIsNotAllowedIsSaidAtOnce) {
  const auto keys = (files() / "client.key").string();
  const std::string key = solo({"keys", "generate", keys}).out.substr(0, 40);
  const auto others = (files() / "other.key").string();
  ASSERT_EQ(solo({"keys", "generate", others}).code, 0);
  daemon_.set_arguments({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-client-keys", key});
  start();
  std::istringstream endpoints(read_file(daemon_.state() / "endpoints"));
  std::string tcp;
  for (std::string endpoint; std::getline(endpoints, endpoint);) tcp = endpoint;
  const std::vector<std::string> where{"SOLO_ADDR=" + tcp,
                                       "SOLO_SERVER_KEY=" + solo({"keys", "show"}).out.substr(0, 40)};
  auto as_other = where;
  as_other.push_back("SOLO_CLIENT_KEYS=" + others);
  // Of an answer it would wait 32 s, three times.
  const auto began = std::chrono::steady_clock::now();
  const auto refused = python({"list"}, as_other);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_EQ(refused.code, 1) << refused.err;
  EXPECT_TRUE(holds(refused.err, "gateway.client_keys"));
  // What is wrongly given is usage, without a traceback.
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"SOLO_CLIENT_KEYS=" + keys, "SOLO_SERVER_KEY=short"},
        std::vector<std::string>{"SOLO_CLIENT_KEYS=/nonexist"},
        std::vector<std::string>{"SOLO_CLIENT_KEYS=" + keys, "SOLO_SERVER_KEY=@/nonexist"},
        std::vector<std::string>{"SOLO_ADDR=udp://127.0.0.1:1"}}) {
    auto environment = where;
    for (const auto& one : wrong) {
      std::erase_if(environment, [&](const auto& has) { return has.starts_with(one.substr(0, one.find('=') + 1)); });
      environment.push_back(one);
    }
    const auto usage = python({"list"}, environment);
    EXPECT_EQ(usage.code, 2) << usage.err;
    EXPECT_EQ(usage.err.find("Traceback"), std::string::npos) << usage.err;
  }
}

TEST_F(PythonClient, TakesItsTokenFromAFile) {
  start();
  std::vector<std::string> environment{"SOLO_ADDR=ipc://" + (daemon_.state() / "command.sock").string(),
                                       "SOLO_TOKEN_FILE=" + (daemon_.state() / "root.token").string(),
                                       "SOLO_TENANT=acme"};
  const auto listed = run({"/usr/bin/python3", SOLO_PYTHON_CLIENT, "list"}, environment);
  EXPECT_EQ(listed.code, 0) << listed.err;
  environment[1] = "SOLO_TOKEN_FILE=/nonexist";
  EXPECT_EQ(run({"/usr/bin/python3", SOLO_PYTHON_CLIENT, "list"}, environment).code, 2);
}

TEST_F(PythonClient, SaysWhatIsMissing) {
  EXPECT_EQ(python({"list"}, {}).code, 2);
  EXPECT_TRUE(holds(python({"list"}, {"SOLO_ADDR=tcp://127.0.0.1:1"}).err, "--server-key"));
}

}  // namespace
}  // namespace solo::testing
