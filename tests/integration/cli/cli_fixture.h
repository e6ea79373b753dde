// `solo` against a daemon of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/daemon.h"

namespace solo::testing {

class CliTest : public ::testing::Test {
 protected:
  /// Runs solo for tenant acme on this test's state directory.
  Finished solo(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), SOLO_PATH);
    return run(std::move(arguments), {"SOLO_STATE_DIR=" + daemon_.state().string(), "SOLO_TENANT=acme"});
  }
  /// With --json; what it printed, which has to be one JSON value.
  nlohmann::json json(std::vector<std::string> arguments, ExitCode expected = 0) const {
    arguments.insert(arguments.begin(), "--json");
    const Finished finished = solo(std::move(arguments));
    EXPECT_EQ(finished.code, expected) << finished.out << finished.err;
    EXPECT_EQ(finished.err, "");
    auto value = nlohmann::json::parse(finished.out, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << finished.out;
    return value;
  }
  void start() { ASSERT_TRUE(daemon_.start()) << daemon_.log(); }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const auto path = files_.path() / name;
    std::ofstream(path) << text;
    return path;
  }
  const std::filesystem::path& files() const { return files_.path(); }

  Daemon daemon_;

 private:
  TempDir files_;
};

/// Is `part` in `whole`? The failure shows both.
inline ::testing::AssertionResult holds(const std::string& whole, const std::string& part) {
  if (whole.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << part << "\" is not in:\n" << whole;
}

}  // namespace solo::testing
