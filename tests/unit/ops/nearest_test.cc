#include "ops/nearest.h"

#include <gtest/gtest.h>

namespace solo::ops {
namespace {

TEST(Nearest, CloseWordsAreSuggestedAndFarOnesAreNot) {
  const std::vector<std::string> known{"deploy", "kill", "list", "logs"};
  EXPECT_EQ(nearest("depoly", known), "deploy");
  EXPECT_EQ(nearest("lsit", known), "");
  EXPECT_EQ(nearest("lis", known), "list");
  EXPECT_EQ(nearest("kafka", known), "");
  EXPECT_EQ(did_you_mean("log", known), " (did you mean \"logs\"?)");
  EXPECT_EQ(did_you_mean("xyz", known), "");
}

}  // namespace
}  // namespace solo::ops
