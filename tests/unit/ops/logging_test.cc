#include "ops/logging.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace solo::ops {
namespace {

TEST(Logging, EveryJsonLineIsOneObjectWhateverTheMessageHolds) {
  ::testing::internal::CaptureStderr();
  start_logging("info", "json");
  spdlog::info("quote \" backslash \\ newline \n bad \xff\xfe end");
  spdlog::debug("not shown");
  spdlog::warn("second");
  std::istringstream lines(::testing::internal::GetCapturedStderr());
  std::vector<nlohmann::json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(parsed.size(), 2U);
  EXPECT_EQ(parsed[0]["level"], "info");
  EXPECT_EQ(parsed[0]["message"], "quote \" backslash \\ newline \n bad \xef\xbf\xbd\xef\xbf\xbd end");
  EXPECT_EQ(parsed[1]["level"], "warning");
}

}  // namespace
}  // namespace solo::ops
