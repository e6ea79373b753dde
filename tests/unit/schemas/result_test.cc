#include "schemas/result.h"

#include <gtest/gtest.h>

namespace solo::schemas {
namespace {

TEST(Result, CodesAreNamedAsClientsSeeThem) {
  EXPECT_EQ(to_string(ErrorCode::failed_precondition), "failed_precondition");
  EXPECT_EQ(to_string(ErrorCode::ok), "ok");
}

TEST(Result, ContextStandsInFrontOfTheMessage) {
  Result<int> result = fail_with("deploy acme/web", Error{ErrorCode::not_found, "no such program"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "deploy acme/web: no such program");
}

}  // namespace
}  // namespace solo::schemas
