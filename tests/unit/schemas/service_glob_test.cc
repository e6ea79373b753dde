#include "schemas/service_glob.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace solo::schemas {
namespace {

TEST(ServiceGlob, IsANameOrTheBeginningOfOneAndAStar) {
  for (const char* good : {"web", "web-*", "*", "a*", "web-1", "0*"}) EXPECT_TRUE(check_service_glob(good)) << good;
  for (const char* bad : {"", "**", "w*b", "-*", "Web*", "web/*", "web_*", "*web", "-"}) {
    EXPECT_FALSE(check_service_glob(bad)) << bad;
  }
  EXPECT_TRUE(check_service_glob(std::string(62, 'a') + "*"));
  EXPECT_FALSE(check_service_glob(std::string(63, 'a') + "*"));
}

TEST(ServiceGlob, MatchesTheNameItselfOrEveryNameThatBeginsSo) {
  EXPECT_TRUE(glob_matches("web", "web"));
  EXPECT_FALSE(glob_matches("web", "web-1"));
  EXPECT_TRUE(glob_matches("web*", "web"));
  EXPECT_TRUE(glob_matches("web-*", "web-1"));
  EXPECT_FALSE(glob_matches("web-*", "web"));
  EXPECT_TRUE(glob_matches("*", "anything"));
}

std::string any_glob() {
  std::string text = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  text.resize(std::min<std::size_t>(text.size(), 4));
  return *rc::gen::arbitrary<bool>() || text.empty() ? text + "*" : text;
}

std::string any_service() {
  std::string text = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  text.resize(std::min<std::size_t>(text.size(), 5));
  return text.empty() ? "a" : text;
}

RC_GTEST_PROP(AnyServiceGlobs, AGlobIsWithinAnotherOnlyIfTheOtherMatchesWhateverItMatches, ()) {
  const std::string inner = any_glob();
  const std::string outer = any_glob();
  const std::string service = any_service();
  if (glob_within(inner, outer) && glob_matches(inner, service)) RC_ASSERT(glob_matches(outer, service));
}

RC_GTEST_PROP(AnyServiceGlobs, TheIntersectionMatchesWhatBothMatchAndNothingElse, ()) {
  const std::string left = any_glob();
  const std::string right = any_glob();
  const std::string service = any_service();
  const auto both = glob_intersection(left, right);
  RC_ASSERT((both && glob_matches(*both, service)) == (glob_matches(left, service) && glob_matches(right, service)));
}

}  // namespace
}  // namespace solo::schemas
