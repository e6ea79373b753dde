#include "consumers/service_environment.h"

#include <gtest/gtest.h>

#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

using schemas::ErrorCode;

v1::SpecT spec_with(std::vector<std::pair<std::string, std::string>> env) {
  v1::SpecT spec;
  for (auto& [name, value] : env) {
    v1::EnvVarT variable;
    variable.name = name;
    variable.value = value;
    spec.env.emplace_back(variable);
  }
  return spec;
}

const EnvironmentDefaults kDefaults{"/usr/bin:/bin", "C.UTF-8", "UTC"};

TEST(ServiceEnvironmentTest, HoldsTheMarkerTheDefaultsAndTheSpecsOwn) {
  const auto environment =
      service_environment({"l", "n", "t", "s", 7, "i"}, "/home", spec_with({{"COLOUR", "blue"}}), kDefaults);
  EXPECT_EQ(environment, (std::vector<std::string>{"SOLO_LOG=l", "SOLO_NODE=n", "SOLO_TENANT=t", "SOLO_SERVICE=s",
                                                   "SOLO_GENERATION=7", "SOLO_INSTANCE=i", "PATH=/usr/bin:/bin",
                                                   "HOME=/home", "LANG=C.UTF-8", "TZ=UTC", "COLOUR=blue"}));
}

TEST(ServiceEnvironmentTest, ASpecMayReplaceTheDefaultsButNotTheMarker) {
  const auto environment = service_environment({"l", "n", "t", "s", 7, "i"}, "/home",
                                               spec_with({{"PATH", "/opt"}, {"SOLO_TENANT", "other"}}), kDefaults);
  EXPECT_EQ(environment_value(environment, "PATH"), "/opt");
  EXPECT_EQ(environment_value(environment, "SOLO_TENANT"), "t");
  EXPECT_EQ(environment_value(environment, "SOLO"), "");
  EXPECT_EQ(environment.size(), 10U);
}

TEST(ServiceEnvironmentTest, AProgramIsFoundByItsPathOrOnThePath) {
  EXPECT_EQ(find_program("/bin/sh", ""), "/bin/sh");
  EXPECT_EQ(find_program("sh", "relative:/nowhere:/bin:/usr/bin"), "/bin/sh");
}

TEST(ServiceEnvironmentTest, SaysWhyAProgramCannotBeRun) {
  EXPECT_EQ(find_program("/nowhere", "").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_program("/etc", "").error().code, ErrorCode::permission_denied);
  EXPECT_EQ(find_program("/etc/passwd", "").error().code, ErrorCode::permission_denied);
  EXPECT_EQ(find_program("./sh", "/bin").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(find_program("no-such-program", "/bin").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_program("passwd", "/etc:/nowhere").error().message, "/etc/passwd is not executable");
}

}  // namespace
}  // namespace solo::consumers
