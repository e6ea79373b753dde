#include "ops/kafka_settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_dir.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;

const char* no_variable(const std::string&) { return nullptr; }

TEST(KafkaSettings, AreNamesWithValues) {
  const auto names = read_kafka_names("security.protocol=ssl  sasl.username=a=b");
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (Setting::Names{{"security.protocol", "ssl"}, {"sasl.username", "a=b"}}));
  EXPECT_FALSE(read_kafka_names("security.protocol"));
  EXPECT_FALSE(read_kafka_names("=ssl"));
}

TEST(KafkaSettings, ThoseThatCarryTheLogsPromisesAreRefused) {
  for (const auto* name :
       {"acks", "enable.idempotence", "auto.offset.reset", "transactional.id", "message.timeout.ms"}) {
    const auto names = read_kafka_names(std::string(name) + "=1");
    ASSERT_FALSE(names) << name;
    EXPECT_EQ(names.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(names.error().message.find(name), std::string::npos);
  }
  EXPECT_FALSE(read_kafka_names("no.such.setting=1"));
}

TEST(KafkaSettings, SecretsComeFromTheEnvironmentAndFromFiles) {
  const testing::TempDir directory;
  const auto file = directory.path() / "password";
  std::ofstream(file) << "from the file\n";
  const Setting::Names names{{"sasl.username", "env:SOLO_TEST_USER"}, {"sasl.password", "file:" + file.string()}};
  ASSERT_TRUE(check_kafka_names(names));
  const auto resolved = resolve_kafka_names(
      names, [](const std::string& name) { return name == "SOLO_TEST_USER" ? "from the environment" : nullptr; });
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_EQ(resolved->at("sasl.username"), "from the environment");
  EXPECT_EQ(resolved->at("sasl.password"), "from the file");
}

TEST(KafkaSettings, WhatIsMissingIsNamed) {
  const auto variable = resolve_kafka_names({{"sasl.username", "env:SOLO_TEST_USER"}}, no_variable);
  ASSERT_FALSE(variable);
  EXPECT_NE(variable.error().message.find("SOLO_TEST_USER"), std::string::npos);
  const auto file = resolve_kafka_names({{"sasl.password", "file:/no/such/file"}}, no_variable);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("/no/such/file"), std::string::npos);
}

TEST(KafkaSettings, ARefusedSecretIsNotRepeated) {
  const auto refused = read_kafka_names("ssl.key.pem=verysecret");
  if (!refused) {
    EXPECT_EQ(refused.error().message.find("verysecret"), std::string::npos) << refused.error().message;
  }
}

}  // namespace
}  // namespace solo::ops
