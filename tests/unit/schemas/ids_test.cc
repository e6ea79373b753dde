#include "schemas/ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace solo::schemas {
namespace {

TEST(Ids, ALabelIsADnsLabel) {
  for (const std::string& good : std::vector<std::string>{"a", "7", "a-b", "a--b", "0-0", std::string(63, 'x')}) {
    EXPECT_TRUE(check_label("tenant", good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("-"), std::string("-a"), std::string("a-"), std::string("A"), std::string("a_b"),
        std::string("a/b"), std::string("a.b"), std::string("a b"), std::string("a\n"), std::string("a\0", 2),
        std::string("*"), std::string("é"), std::string(64, 'x')}) {
    auto checked = check_label("tenant", bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(checked.error().message.rfind("tenant ", 0), 0U) << checked.error().message;
  }
}

TEST(Ids, TheErrorNamesWhatIsWrongAndCannotBeSpoiled) {
  const auto error = ServiceName::parse("\x1b[31m\xff" + std::string(5000, 'x')).error();
  EXPECT_EQ(error.message.rfind("service \"?[31m\xef\xbf\xbdxxx", 0), 0U) << error.message;
  EXPECT_LT(error.message.size(), 200U);
}

TEST(Ids, ACommandIdIsShortPrintableAscii) {
  EXPECT_TRUE(CommandId::parse("!~0aZ/_"));
  EXPECT_TRUE(CommandId::parse(std::string(64, 'x')));
  for (const std::string& bad : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a\t"),
                                 std::string("a\x7f"), std::string("é"), std::string("a\0", 2)}) {
    EXPECT_FALSE(CommandId::parse(bad)) << bad;
  }
}

// From a small alphabet, so that near misses happen.
rc::Gen<std::string> label() {
  const auto text = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab-_/"))));
  return rc::gen::suchThat(rc::gen::resize(4, text),
                           [](const auto& name) { return check_label("", name).has_value(); });
}

RC_GTEST_PROP(Ids, TwoServicesNeverShareAKey, ()) {
  const ServiceKey left{TenantName::parse(*label()).value(), ServiceName::parse(*label()).value()};
  const ServiceKey right{TenantName::parse(*label()).value(), ServiceName::parse(*label()).value()};
  RC_ASSERT((to_string(left) == to_string(right)) == (left == right));
}

TEST(Ids, SlashAndUnderscoreNeverMeet) {
  EXPECT_FALSE(TenantName::parse("a_b"));
  EXPECT_FALSE(ServiceName::parse("b_c"));
  EXPECT_FALSE(TenantName::parse("a/b"));
}

TEST(Ids, SourcesAndInstancesAreSpelledAsAgreed) {
  EXPECT_EQ(command_source(TenantName::trusted("acme")), "/commands/acme");
  EXPECT_EQ(node_source(NodeName::trusted("n1")), "/nodes/n1");
  EXPECT_EQ(instance_id("run", 7), "run-7");
  EXPECT_EQ(to_string(ServiceKey{TenantName::trusted("acme"), ServiceName::trusted("web")}), "acme/web");
}

TEST(Ids, AnObservationsSequenceIsReadBackFromItsId) {
  EXPECT_EQ(observation_sequence("r-1-18446744073709551615", "r-1").value(), 18446744073709551615U);
  EXPECT_EQ(observation_sequence("r-0", "r").value(), 0U);
  for (const char* bad :
       {"", "r", "r-", "r-01", "r-+1", "r--1", "r-1x", "r-18446744073709551616", "s-1", "r 1", "rr-1"}) {
    EXPECT_FALSE(observation_sequence(bad, "r")) << bad;
  }
}

}  // namespace
}  // namespace solo::schemas
