// Tokens with the log in Kafka: a lost root token replaced while daemons run, and that no secret is in anything that
// they write.
#include "tests/support/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "producers/audit_topic.h"
#include "producers/kafka_client.h"
#include "schemas/token.h"
#include "tests/integration/kafka/kafka_daemon.h"

namespace solo::testing {
namespace {

std::string accessor_of(const std::string& token) { return schemas::token_accessor(schemas::hash_token(token)); }

class KafkaTokens : public ::testing::Test {
 protected:
  /// Of each test its own.
  explicit KafkaTokens(std::string cluster = ::testing::UnitTest::GetInstance()->current_test_info()->name())
      : cluster_(std::move(cluster)) {
    std::transform(cluster_.begin(), cluster_.end(), cluster_.begin(), [](char c) { return std::tolower(c); });
    cluster_.resize(std::min<std::size_t>(cluster_.size(), 60));
  }

  std::vector<std::string> arguments(const std::string& node) const {
    return kafka_arguments(KafkaBroker::shared(), cluster_, {"--log-kafka-partitions", "3", "--node-name", node});
  }
  std::vector<std::string> kafka() const {
    return {"--kafka", KafkaBroker::shared().bootstrap(), "--cluster", cluster_};
  }

  /// As whoever holds that token; without one as the state directory's owner. What it prints is kept.
  Finished solo(const Daemon& daemon, std::vector<std::string> words, const std::string& token = {}) {
    words.insert(words.begin(), SOLO_PATH);
    std::vector<std::string> environment{"SOLO_STATE_DIR=" + daemon.state().string(), "SOLO_TENANT=acme"};
    if (!token.empty()) environment.push_back("SOLO_TOKEN=" + token);
    auto finished = run(std::move(words), std::move(environment));
    printed_ += finished.out + finished.err;
    return finished;
  }
  /// The secret, which is printed to whoever makes it and nobody else.
  std::string grant(const Daemon& daemon, std::vector<std::string> words, const std::string& granter = {}) {
    words.insert(words.begin(), {"token", "grant"});
    const std::string before = printed_;
    const auto finished = solo(daemon, std::move(words), granter);
    printed_ = before + finished.err;
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::string token = finished.out.substr(0, finished.out.find('\n'));
    EXPECT_TRUE(schemas::check_token(token)) << finished.out;
    return token;
  }
  bool works(const Daemon& daemon, const std::string& token) { return solo(daemon, {"list"}, token).code == 0; }
  std::string state_of(const Daemon& daemon, const std::string& token) {
    const auto shown = solo(daemon, {"token", "inspect", accessor_of(token), "--all-tenants", "--json"});
    EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
    return nlohmann::json::parse(shown.out).value("state", "");
  }

  std::string cluster_;
  std::string printed_;
};

TEST_F(KafkaTokens, ALostRootIsReplacedWhileTheDaemonRunsAndWhatItGrantedStaysInForce) {
  Daemon daemon(arguments("first"));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const std::string former = daemon.root_token();
  const std::string child = grant(daemon, {"--permission", "read,grant"});
  const std::string grandchild = grant(daemon, {"--permission", "read"}, child);
  ASSERT_TRUE(works(daemon, grandchild));

  std::filesystem::remove(daemon.state() / "root.token");
  auto words = kafka();
  words.insert(words.begin(), {"token", "reset-root"});
  const auto reset = solo(daemon, words);
  ASSERT_EQ(reset.code, 0) << reset.err;
  EXPECT_FALSE(std::filesystem::exists(daemon.state() / "root.token.new"));
  const std::string root = daemon.root_token();
  ASSERT_NE(root, former);
  // It was answered from the log; the views follow.
  EXPECT_TRUE(eventually([&] { return works(daemon, root); })) << daemon.log();
  EXPECT_FALSE(works(daemon, former));
  EXPECT_EQ(state_of(daemon, former), "replaced");
  EXPECT_TRUE(works(daemon, child));
  EXPECT_TRUE(works(daemon, grandchild));
  EXPECT_TRUE(works(daemon, grant(daemon, {"--permission", "read"}, child))) << "and may go on granting";

  // By replay, too.
  daemon.kill9();
  std::filesystem::remove_all(daemon.state() / "views");
  ASSERT_TRUE(daemon.start()) << daemon.log();
  EXPECT_EQ(daemon.root_token(), root);
  EXPECT_TRUE(works(daemon, root));
  EXPECT_FALSE(works(daemon, former));
  EXPECT_TRUE(works(daemon, grandchild));
  // What the former one granted hangs on the new one now.
  ASSERT_EQ(solo(daemon, {"token", "revoke", accessor_of(root), "--tenant", "system"}).code, 0);
  EXPECT_FALSE(works(daemon, grandchild));
  EXPECT_FALSE(works(daemon, root));
}

TEST_F(KafkaTokens, ASecondDaemonHasNoRootOfItsOwnUntilItsOperatorReplacesTheFirstOnes) {
  Daemon first(arguments("first"));
  ASSERT_TRUE(first.start()) << first.log();
  const std::string root = first.root_token();
  const std::string child = grant(first, {"--permission", "read"});

  Daemon second(arguments("second"));
  second.use_token_of(first);
  ASSERT_TRUE(second.start()) << second.log();
  EXPECT_FALSE(std::filesystem::exists(second.state() / "root.token"));
  EXPECT_TRUE(works(second, root)) << "one log, one root";
  EXPECT_TRUE(works(second, child));
  EXPECT_EQ(solo(second, {"list"}).code, 1);

  // Whoever may write to the topic may do this, and so takes the first one's operator's place.
  auto words = kafka();
  words.insert(words.begin(), {"token", "reset-root"});
  ASSERT_EQ(solo(second, words).code, 0);
  EXPECT_TRUE(std::filesystem::exists(second.state() / "root.token"));
  EXPECT_EQ(first.root_token(), root) << "the first one's file is left alone";
  for (const Daemon* daemon : {&first, &second}) {
    const std::string renewed = read_file(second.state() / "root.token").substr(0, schemas::kTokenLength);
    EXPECT_TRUE(eventually([&] { return works(*daemon, renewed) && !works(*daemon, root); })) << daemon->log();
    EXPECT_TRUE(works(*daemon, child)) << "nothing that was granted falls";
  }
  // A root token that was replaced does not come back with its daemon.
  EXPECT_EQ(first.stop(), 0) << first.log();
  first.launch();
  EXPECT_TRUE(eventually([&] { return first.log().find("this log's root token is not in") != std::string::npos; }))
      << first.log();
  EXPECT_TRUE(eventually([&] { return works(first, child); }));
  EXPECT_FALSE(works(first, root));
}

TEST_F(KafkaTokens, ATenantIsShownItsPartOfTheAuditTopicByTheDaemon) {
  Daemon daemon(arguments("first"));
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const std::string auditor = grant(daemon, {"--permission", "audit"});
  const std::string reader = grant(daemon, {"--permission", "read"});
  EXPECT_FALSE(works(daemon, test_token(4711).text));
  EXPECT_EQ(solo(daemon, {"list", "--tenant", "globex"}, reader).code, 1);
  const auto shown = [&](const std::string& token, const std::string& tenant) {
    const auto finished = solo(daemon, {"audit", "read", "--tenant", tenant}, token);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.out;
  };
  const std::string root = daemon.root_token();
  EXPECT_TRUE(eventually([&] { return shown(auditor, "acme").find("List: unknown") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return shown(root, "globex").find("List: tenant") != std::string::npos; }));
  EXPECT_EQ(shown(auditor, "acme").find("globex"), std::string::npos);
  EXPECT_EQ(shown(root, "globex").find("unknown"), std::string::npos);
  EXPECT_EQ(solo(daemon, {"audit", "read", "--tenant", "globex"}, auditor).code, 1);
  EXPECT_EQ(solo(daemon, {"audit", "read"}, reader).code, 1);
}

/// 32 bytes that the token stands for.
std::string bytes_of(const std::string& token) {
  std::array<std::uint8_t, schemas::kTokenBytes> bytes{};
  for (const char digit : token.substr(5, 43)) {
    unsigned carry = static_cast<unsigned>(digit <= '9'   ? digit - '0'
                                           : digit <= 'Z' ? digit - 'A' + 10
                                                          : digit - 'a' + 36);
    for (std::size_t at = bytes.size(); at > 0; --at) {
      carry += bytes[at - 1] * 62U;
      bytes[at - 1] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
  }
  EXPECT_EQ(schemas::make_token(bytes).reveal(), token);
  return {bytes.begin(), bytes.end()};
}

std::string hex_of(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

/// Every record of a topic as the broker gives it: key, value, headers.
std::string raw_bytes(const std::string& topic, std::int32_t partitions) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 256> words{};
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"bootstrap.servers", KafkaBroker::shared().bootstrap()},
                                          {"group.id", "raw"},
                                          {"enable.partition.eof", "true"}}) {
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), words.data(), words.size());
  }
  const producers::KafkaHandle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf, words.data(), words.size()));
  auto* list = rd_kafka_topic_partition_list_new(partitions);
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  EXPECT_EQ(rd_kafka_assign(client.get(), list), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_topic_partition_list_destroy(list);
  std::string all;
  std::set<std::int32_t> ended;
  const auto add = [&](const void* data, std::size_t size) {
    all.append(static_cast<const char*>(data), size).push_back('\n');
  };
  EXPECT_TRUE(eventually([&] {
    auto* message = rd_kafka_consumer_poll(client.get(), 100);
    if (message == nullptr) return false;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended.insert(message->partition);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      add(message->key, message->key_len);
      add(message->payload, message->len);
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        for (std::size_t at = 0;
             rd_kafka_header_get_all(headers, at, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++at) {
          add(name, std::string_view(name).size());
          add(value, size);
        }
      }
    }
    rd_kafka_message_destroy(message);
    return ended.size() == static_cast<std::size_t>(partitions);
  })) << topic;
  return all;
}

/// What lies in files below it, by name.
std::map<std::string, std::string> files_below(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  std::error_code gone;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, gone)) {
    if (entry.is_regular_file(gone)) files[entry.path().string()] = read_file(entry.path());
  }
  return files;
}

TEST_F(KafkaTokens, NoRecordOfAnyTopicNoFileAndNoOutputHoldsASecretButRootToken) {
  auto quiet = arguments("first");
  quiet.insert(quiet.end(), {"--logging-level", "debug"});
  Daemon daemon(quiet);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  std::vector<std::string> secrets{daemon.root_token()};
  std::string granter;
  for (int depth = 0; depth < 3; ++depth) {
    secrets.push_back(grant(daemon, {"--permission", "admin", "--note", "level"}, granter));
    granter = secrets.back();
  }
  secrets.push_back(grant(daemon, {"--permission", "read", "--tenant", "globex"}));
  // Used well and badly, by the token, by its accessor, in places where none belongs.
  for (const auto& token : secrets) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"list"},
                                                  {"deploy", "web", "--replace", "--exec", "--", "/bin/sleep", "1000"},
                                                  {"kill", "nothing"},
                                                  {"list", "--tenant", "globex"},
                                                  {"token", "list", "--json"},
                                                  {"token", "inspect", accessor_of(token)},
                                                  {"token", "inspect", token},
                                                  {"token", "revoke", token},
                                                  {"audit", "read"},
                                                  {"audit", "read", "--accessor", token},
                                                  {"health", "--json"}}) {
      const auto before = printed_;
      const auto finished = solo(daemon, words, token);
      // The caller's own words may be said back to the caller.
      if (std::find(words.begin(), words.end(), token) != words.end()) printed_ = before;
    }
    EXPECT_EQ(solo(daemon, {"list"}, token.substr(0, 20)).code, 1);
  }
  auto reset = kafka();
  reset.insert(reset.begin(), {"token", "reset-root"});
  ASSERT_EQ(solo(daemon, reset).code, 0);
  secrets.push_back(daemon.root_token());
  ASSERT_TRUE(eventually([&] { return works(daemon, secrets.back()); }));
  ASSERT_EQ(solo(daemon, {"token", "revoke", accessor_of(secrets[1])}).code, 0);
  EXPECT_FALSE(works(daemon, secrets[2]));
  // Its last counts are in the audit when it has stopped.
  const auto running = files_below(daemon.state());
  ASSERT_EQ(daemon.stop(), 0) << daemon.log();

  std::map<std::string, std::string> places = files_below(daemon.state());
  for (const auto& [name, content] : running) places["running " + name] = content;
  places["events"] = raw_bytes(cluster_ + ".events", 3);
  places["audit"] = raw_bytes(producers::audit_topic(cluster_), 1);
  places["solod"] = daemon.log();
  places["solo"] = printed_;
  for (auto& [name, content] : files_below(KafkaBroker::shared().data())) {
    if (name.find(cluster_) != std::string::npos) places[name] = std::move(content);
  }
  const auto holders_of = [&](const std::string& text) {
    std::set<std::string> names;
    for (const auto& [name, content] : places) {
      if (content.find(text) != std::string::npos) names.insert(std::filesystem::path(name).filename());
    }
    return names;
  };
  // That it would be found: what does belong there is.
  const std::string hash = schemas::to_string(schemas::hash_token(secrets[2]));
  EXPECT_TRUE(holders_of(hash).contains("events"));
  EXPECT_TRUE(holders_of(hash).contains("00000000000000000000.log")) << "the broker's own file";
  EXPECT_TRUE(holders_of(accessor_of(secrets[2])).contains("audit"));
  EXPECT_TRUE(holders_of("ce_type").contains("events")) << "headers are looked at, too";
  for (const auto& token : secrets) {
    const bool is_root = token == secrets.back();
    const std::string bytes = bytes_of(token);
    // Whole, without what is the same in all, as the bytes it stands for, and as those are usually written.
    EXPECT_EQ(holders_of(token), is_root ? std::set<std::string>{"root.token"} : std::set<std::string>{});
    EXPECT_EQ(holders_of(token.substr(5, 43)), is_root ? std::set<std::string>{"root.token"} : std::set<std::string>{});
    EXPECT_EQ(holders_of(bytes), std::set<std::string>{});
    EXPECT_EQ(holders_of(hex_of(bytes)), std::set<std::string>{});
  }
}

}  // namespace
}  // namespace solo::testing
