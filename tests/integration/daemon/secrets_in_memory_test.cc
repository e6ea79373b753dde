// What is left of tokens in a daemon's memory once their requests are answered: nothing. Whoever gets at it all the
// same (root, a core dump by a debugger) finds hashes.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "producers/curve_keys.h"
#include "producers/entropy.h"
#include "producers/tcp_endpoint.h"
#include "schemas/codec.h"
#include "schemas/json.h"
#include "tests/integration/gateway/peer.h"
#include "tests/support/daemon.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

/// Everything a process may write to.
std::string memory_of(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  const int memory = open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(memory, 0) << "only root can look";
  std::string all;
  std::istringstream maps(read_file(process + "/maps"));
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    char access[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) != 3 || access[1] != 'w') continue;
    std::string region(end - begin, '\0');
    const auto count = pread(memory, region.data(), region.size(), static_cast<off_t>(begin));
    if (count > 0) all.append(region, 0, static_cast<std::size_t>(count));
  }
  close(memory);
  return all;
}

class SecretsInMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can look into a daemon's memory";
    daemon_.set_arguments(
        {"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-client-keys", producers::to_z85(own_.public_key)});
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
  }

  /// Any but the tests' own, which are short numbers and mostly zeros.
  std::string random_token() {
    std::array<std::uint8_t, schemas::kTokenBytes> bytes{};
    entropy_.fill(bytes);
    return std::string(schemas::make_token(bytes).reveal());
  }

  enum class Form { flatbuffers, json, unknown_field, cut_short };
  static v1::ReplyT ask(Peer& peer, const v1::RequestT& request, Form form) {
    schemas::JsonCodec codec;
    std::string json = codec.to_json(request);
    if (form == Form::unknown_field) json.insert(json.size() - 1, R"(,"nonsense":1)");
    if (form == Form::cut_short) json.pop_back();
    peer.send(form == Form::flatbuffers ? Frames{"solo/1 flatbuffers", schemas::encode(request)}
                                        : Frames{"solo/1 json", json});
    return peer.reply();
  }

  void grant(Peer& peer, const std::string& secret) {
    v1::RequestT request;
    request.id = "g-" + schemas::to_string(schemas::hash_token(secret)).substr(0, 20);
    request.tenant = "acme";
    request.token = daemon_.root_token();
    v1::TokenGrantT body;
    body.hash = schemas::to_string(schemas::hash_token(secret));
    body.permissions = {v1::Permission::read, v1::Permission::deploy};
    request.body.Set(std::move(body));
    ASSERT_TRUE(ask(peer, request, Form::flatbuffers).ok);
  }

  static bool holds_a_half(const std::string& memory, const std::vector<std::string>& secrets) {
    return std::any_of(secrets.begin(), secrets.end(), [&](const std::string& secret) {
      return memory.find(secret.substr(5, 22)) != std::string::npos ||
             memory.find(secret.substr(26, 22)) != std::string::npos;
    });
  }

  void expect_nothing_of(const std::vector<std::string>& secrets) {
    // The thread that has answered wipes its stack behind the answer, when it has its turn.
    std::string memory;
    eventually(
        [&] {
          memory = memory_of(daemon_.child().pid());
          return !holds_a_half(memory, secrets);
        },
        std::chrono::seconds(3));
    const auto hash = schemas::hash_token(secrets.front()).bytes;
    EXPECT_NE(memory.find(std::string(hash.begin(), hash.end())), std::string::npos) << "what is there is found";
    for (std::size_t at = 0; at < secrets.size(); ++at) {
      // Half of it would be too much.
      for (const std::string& part : {secrets[at].substr(5, 22), secrets[at].substr(26, 22)}) {
        const auto found = memory.find(part);
        EXPECT_EQ(found, std::string::npos)
            << "of secret " << at << ": " << memory.substr(std::max<std::size_t>(found, 40) - 40, 140);
      }
    }
  }

  producers::SystemEntropy entropy_;
  const producers::CurveKeyPair own_ = producers::make_curve_keys(entropy_);
  Daemon daemon_;
};

TEST_F(SecretsInMemory, NoTokenIsLeftOfRequestsInAnyFormByAnyWay) {
  const auto server = producers::read_curve_keys(daemon_.state() / "server.key");
  ASSERT_TRUE(server);
  std::string tcp;
  std::istringstream endpoints(read_file(daemon_.state() / "endpoints"));
  while (std::getline(endpoints, tcp) && !producers::is_tcp(tcp)) {
  }
  Peer local(daemon_.endpoint());
  Peer remote(tcp, zmq::socket_type::dealer, {}, producers::ClientCurve{server->public_key, own_});
  std::vector<std::string> secrets{daemon_.root_token()};
  int number = 0;
  for (const bool is_known : {true, false}) {
    for (auto* peer : {&local, &remote}) {
      for (const Form form : {Form::flatbuffers, Form::json, Form::unknown_field, Form::cut_short}) {
        SCOPED_TRACE(fmt::format("secret {}", secrets.size()));
        const std::string secret = random_token();
        secrets.push_back(secret);
        // Each is the last one that the daemon hears of for a while, and the second one of its kind.
        if (is_known) {
          ASSERT_NO_FATAL_FAILURE(grant(local, secret));
        }
        auto deploy = deploy_request(fmt::format("d-{}", ++number), "acme", fmt::format("web-{}", number),
                                     script_spec("#!/bin/sh\n#" + std::string(20'000, 'x') + "\nsleep 1000\n"),
                                     v1::Wait::applied);
        deploy.token = secret;
        const bool good = is_known && (form == Form::flatbuffers || form == Form::json);
        EXPECT_EQ(ask(*peer, deploy, form).ok, good);
        v1::RequestT list;
        list.id = "l";
        list.tenant = "acme";
        list.token = secret;
        list.body.Set(v1::ListT());
        EXPECT_EQ(ask(*peer, list, form).ok, good);
        expect_nothing_of(secrets);
      }
    }
  }
}

}  // namespace
}  // namespace solo::testing
