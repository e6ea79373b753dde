#include "ops/args.h"

#include <gtest/gtest.h>

namespace solo::ops {
namespace {

class ArgsTest : public ::testing::Test {
 protected:
  schemas::Result<Parsed> parse(std::vector<std::string> arguments) { return ops::parse(page_, arguments); }
  std::string refusal(std::vector<std::string> arguments) {
    auto parsed = parse(std::move(arguments));
    return parsed ? "taken" : parsed.error().message;
  }

  std::string service_;
  std::string file_;
  std::vector<std::string> env_;
  std::vector<std::string> rest_;
  std::optional<std::uint64_t> generation_;
  bool replace_ = false;
  bool json_ = false;
  Page page_{.name = "solo deploy",
             .summary = "run a service",
             .synopsis = {"SERVICE FILE"},
             .description = "Words.",
             .operands = {{"SERVICE", "Its name.", &service_, true}, {"FILE", "A program.", &file_, false}},
             .options = {{"-e,--env", "NAME=VALUE", "A variable.", &env_},
                         {"--replace", "", "Take the place of a live one.", &replace_},
                         {"--if-generation", "N", "Only when it is at N.", &generation_}},
             .common = {{"--json", "", "JSON.", &json_}},
             .rest = &rest_,
             .commands = {},
             .exit_status = {{"0", "done"}},
             .environment = {},
             .examples = {{"One", "solo deploy a b"}}};
};

TEST_F(ArgsTest, OperandsAndOptionsMayBeMixed) {
  ASSERT_TRUE(parse({"--env", "A=1", "web", "-e", "B=2", "--replace", "web.cc", "--json", "--if-generation=7"}));
  EXPECT_EQ(service_, "web");
  EXPECT_EQ(file_, "web.cc");
  EXPECT_EQ(env_, (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(generation_, 7U);
  EXPECT_TRUE(replace_);
  EXPECT_TRUE(json_);
}

TEST_F(ArgsTest, WhatIsBehindTheDividerIsLeftAlone) {
  ASSERT_TRUE(parse({"web", "--", "/bin/sh", "--replace", "--", "-h"}));
  EXPECT_EQ(rest_, (std::vector<std::string>{"/bin/sh", "--replace", "--", "-h"}));
  EXPECT_FALSE(replace_);
}

TEST_F(ArgsTest, WhatIsBehindTheDividerIsAnOperandWhereThereIsNoRest) {
  page_.rest = nullptr;
  ASSERT_TRUE(parse({"--replace", "--", "web", "--replace"}));
  EXPECT_TRUE(replace_);
  EXPECT_EQ(service_, "web");
  EXPECT_EQ(file_, "--replace");
  EXPECT_EQ(refusal({"web", "--", "a", "b"}), "unexpected argument \"b\"");
}

TEST_F(ArgsTest, NegativeNumberIsAnOperand) {
  ASSERT_TRUE(parse({"-10", "-5"}));
  EXPECT_EQ(service_, "-10");
  EXPECT_EQ(file_, "-5");
}

TEST_F(ArgsTest, UnknownOptionNamesTheNearest) {
  EXPECT_EQ(refusal({"web", "--replce"}), "unknown option --replce (did you mean \"--replace\"?)");
  EXPECT_EQ(refusal({"web", "-x"}), "unknown option -x");
}

TEST_F(ArgsTest, MissingOperandAndTooManyAreRefused) {
  EXPECT_EQ(refusal({}), "missing SERVICE");
  EXPECT_EQ(refusal({"a", "b", "c"}), "unexpected argument \"c\"");
}

TEST_F(ArgsTest, ValueThatCannotBeIsRefusedByItsOption) {
  EXPECT_EQ(refusal({"a", "--if-generation", "x"}), "--if-generation: \"x\" is not a whole number, 0 or more");
  EXPECT_EQ(refusal({"a", "--if-generation", "-5"}), "--if-generation: \"-5\" is not a whole number, 0 or more");
  EXPECT_EQ(refusal({"a", "--if-generation", "99999999999999999999"}),
            "--if-generation: 99999999999999999999 is more than 18446744073709551615");
  EXPECT_EQ(refusal({"a", "--if-generation", "1", "--if-generation", "2"}), "--if-generation is given twice");
  EXPECT_EQ(refusal({"a", "--if-generation", ""}), "--if-generation: the value is empty");
  EXPECT_EQ(refusal({"a", "--env", ""}), "--env: the value is empty");
  EXPECT_EQ(refusal({"a", "--env"}), "--env needs a value");
  EXPECT_NE(refusal({"a", "--replace=perhaps"}), "taken");
}

TEST_F(ArgsTest, HelpIsGivenWhateverElseIsMissing) {
  EXPECT_EQ(parse({"--help"}).value(), Parsed::help);
  EXPECT_EQ(parse({"web", "-h"}).value(), Parsed::help);
}

TEST_F(ArgsTest, PageHasEverySectionWithinItsWidth) {
  page_.description = std::string(30, 'x') + " " + std::string(30, 'y') + " " + std::string(30, 'z') + "\n\n  as is";
  const std::string text = to_text(page_);
  for (const char* section : {"NAME\n", "SYNOPSIS\n", "DESCRIPTION\n", "ARGUMENTS\n", "OPTIONS\n", "COMMON OPTIONS\n",
                              "EXIT STATUS\n", "EXAMPLES\n"}) {
    EXPECT_NE(text.find(section), std::string::npos) << section;
  }
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; start = end + 1, end = text.find('\n', start)) {
    EXPECT_LE(end - start, 80U) << text.substr(start, end - start);
  }
}

TEST(Duration, UnitsAreKnown) {
  EXPECT_EQ(parse_duration("--timeout", "250ms").value(), 250U);
  EXPECT_EQ(parse_duration("--timeout", "30").value(), 30'000U);
  EXPECT_EQ(parse_duration("--timeout", "2m").value(), 120'000U);
  EXPECT_FALSE(parse_duration("--timeout", "abc"));
  EXPECT_FALSE(parse_duration("--timeout", ""));
  EXPECT_FALSE(parse_duration("--timeout", "3 days"));
  EXPECT_FALSE(parse_duration("--timeout", "99999999h"));
}

}  // namespace
}  // namespace solo::ops
