#include "ops/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace solo::ops {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override { std::filesystem::remove(file_); }

  schemas::Result<void> load(const std::string& toml) {
    std::ofstream(file_) << toml;
    return apply_file(settings_, file_);
  }
  schemas::Result<void> environment(const std::map<std::string, std::string>& values) {
    return apply_environment(settings_, [&](const std::string& name) -> const char* {
      auto at = values.find(name);
      return at == values.end() ? nullptr : at->second.c_str();
    });
  }
  std::string refusal(const std::string& toml) {
    auto loaded = load(toml);
    return loaded ? "taken" : loaded.error().message;
  }
  Setting& setting(const std::string& key) {
    for (auto& setting : settings_) {
      if (setting.key == key) return setting;
    }
    throw std::out_of_range(key);
  }

  std::filesystem::path file_ = std::filesystem::temp_directory_path() /
                                ("solo-config-" + std::to_string(getpid()) + "-" +
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml");
  Config config_;
  std::vector<Setting> settings_ = settings_of(config_);
};

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  EXPECT_EQ(config_.recovery.timeout_ms, 30'000U);
  ASSERT_TRUE(load("[recovery]\ntimeout_ms = 1000\n[node]\nname = 'from-file'\n"));
  EXPECT_EQ(config_.recovery.timeout_ms, 1'000U);
  ASSERT_TRUE(environment({{"SOLO_RECOVERY_TIMEOUT_MS", "2000"}, {"SOLO_TENANT", "acme"}}));
  EXPECT_EQ(config_.recovery.timeout_ms, 2'000U);
  EXPECT_EQ(config_.node.name, "from-file");
  ASSERT_TRUE(set_from_text(setting("recovery.timeout_ms"), "3000", "--recovery-timeout-ms"));
  EXPECT_EQ(config_.recovery.timeout_ms, 3'000U);
}

TEST_F(ConfigTest, UnknownKeyIsRefusedWithItsLineAndTheNearestOne) {
  EXPECT_EQ(refusal("[shutdown]\nservices = 'stop'\ndeadline = 5\n"),
            file_.string() + ":3: unknown key \"shutdown.deadline\" (did you mean \"shutdown.deadline_ms\"?)");
  EXPECT_EQ(refusal("[kafka]\nbootstrap = 'x'\n"), file_.string() + ":1: unknown key \"kafka\"");
}

TEST_F(ConfigTest, WhatToDoAboutAWrongValueIsKept) {
  const auto hint_of = [](const schemas::Result<void>& result) { return result ? "taken" : result.error().hint; };
  const std::string key = "40 characters, as `solo keys generate` prints it";
  EXPECT_EQ(hint_of(set_from_text(setting("gateway.client_keys"), "short", "--gateway-client-keys")), key);
  EXPECT_EQ(hint_of(load("[gateway]\nclient_keys = ['short']\n")), key);
}

TEST_F(ConfigTest, WrongTypeIsRefused) {
  EXPECT_EQ(refusal("[recovery]\ntimeout_ms = '1000'\n"),
            file_.string() + ":2: recovery.timeout_ms must be a whole number");
  EXPECT_EQ(refusal("[node]\nname = 7\n"), file_.string() + ":2: node.name must be a string");
  EXPECT_EQ(refusal("[runtime]\ncompiler = 'c++'\n"),
            file_.string() + ":2: runtime.compiler must be a list of strings");
  EXPECT_EQ(refusal("recovery = 3\n"), file_.string() + ":1: is a section, not a value \"recovery\"");
}

TEST_F(ConfigTest, ValueOutsideItsRangeIsRefused) {
  EXPECT_EQ(refusal("[recovery]\ntimeout_ms = -1\n"),
            file_.string() + ":2: recovery.timeout_ms: \"-1\" is not a whole number");
  EXPECT_EQ(refusal("[shutdown]\nservices = 'kill'\n"),
            file_.string() + ":2: shutdown.services: \"kill\" is none of stop, leave");
  EXPECT_NE(refusal("[node]\nname = 'Not_A_Label'\n").find("node.name"), std::string::npos);
  EXPECT_NE(refusal("[gateway]\nlisten = ['ipc:///tmp/x', 'tcp://*:1']\n").find("names no host"), std::string::npos);
  EXPECT_NE(refusal("[gateway]\nlisten = ['udp://127.0.0.1:1']\n").find("is not an endpoint"), std::string::npos);
  EXPECT_NE(refusal("[gateway]\nlisten = ['tcp://localhost:1']\n").find("one listens at an address"),
            std::string::npos);
  EXPECT_NE(refusal("[gateway]\nclient_keys = ['short']\n").find("not a key in Z85"), std::string::npos);
}

TEST_F(ConfigTest, TomlThatDoesNotParseNamesItsLine) {
  EXPECT_EQ(refusal("[recovery]\ntimeout_ms = \n").rfind(file_.string() + ":2: ", 0), 0U);
}

TEST_F(ConfigTest, MissingFileIsNotFound) {
  auto loaded = apply_file(settings_, "/nowhere/solo.toml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, schemas::ErrorCode::not_found);
}

TEST_F(ConfigTest, ADirectoryIsNoFile) {
  const auto loaded = apply_file(settings_, "/");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "cannot read /: it is a directory");
}

TEST_F(ConfigTest, PrintedConfigurationIsReadBackTheSame) {
  config_.state_dir = "/state";
  config_.node.name = "a";
  config_.runtime.path = "/with \"quotes\"\\and\tmore";
  const std::string printed = to_toml(settings_);
  EXPECT_NE(printed.find("timeout_ms = 30000  # default"), std::string::npos);
  Config read;
  auto settings = settings_of(read);
  std::ofstream(file_) << printed;
  ASSERT_TRUE(apply_file(settings, file_));
  EXPECT_EQ(read.runtime.path, config_.runtime.path);
  EXPECT_EQ(read.runtime.compiler, config_.runtime.compiler);
  EXPECT_EQ(read.node.name, "a");
}

TEST_F(ConfigTest, NamesOfFlagAndEnvironmentFollowTheKey) {
  EXPECT_EQ(flag_of(setting("recovery.timeout_ms")), "--recovery-timeout-ms");
  EXPECT_EQ(environment_of(setting("recovery.timeout_ms")), "SOLO_RECOVERY_TIMEOUT_MS");
  EXPECT_EQ(environment_of(setting("state_dir")), "SOLO_STATE_DIR");
}

TEST(CommandEndpoint, PathTooLongForASocketIsItsOwnError) {
  EXPECT_EQ(command_endpoint("/tmp/s").value(), "ipc:///tmp/s/command.sock");
  auto endpoint = command_endpoint("/" + std::string(107, 'x'));
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, schemas::ErrorCode::invalid_argument);
  EXPECT_NE(endpoint.error().message.find("107"), std::string::npos);
}

TEST_F(ConfigTest, KafkasOwnSettingsAreATableUnderTheirOwnNames) {
  ASSERT_TRUE(
      load("[log]\ncluster = 'blue'\n[log.kafka]\nbootstrap = 'h:1'\ncreate = true\n[log.kafka.properties]\n"
           "sasl.username = 'me'\n'sasl.password' = 'verysecret'\n'socket.timeout.ms' = 7000\n"));
  EXPECT_EQ(config_.log.cluster, "blue");
  EXPECT_EQ(config_.log.kafka.bootstrap, "h:1");
  EXPECT_TRUE(config_.log.kafka.create);
  EXPECT_EQ(config_.log.kafka.properties.at("sasl.username"), "me");
  EXPECT_EQ(config_.log.kafka.properties.at("socket.timeout.ms"), "7000");
  const auto printed = to_toml(settings_);
  EXPECT_NE(printed.find("\"sasl.password\" = \"(hidden)\""), std::string::npos) << printed;
  EXPECT_EQ(printed.find("verysecret"), std::string::npos);
  EXPECT_NE(refusal("[log.kafka.properties]\nacks = '1'\n").find("acks is Solo's own"), std::string::npos);
  EXPECT_NE(refusal("[log.kafka]\ncreate = 1\n").find("true or false"), std::string::npos);
}

}  // namespace
}  // namespace solo::ops
