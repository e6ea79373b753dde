#include "schemas/spec.h"

#include <gtest/gtest.h>

#include <functional>

#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

v1::SpecT exec_spec() {
  v1::SpecT spec;
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep", "60"};
  return spec;
}

v1::SpecT script_spec(std::string code) {
  v1::SpecT spec;
  spec.format = v1::Format::script;
  spec.code = std::move(code);
  return spec;
}

v1::EnvVarT variable(std::string name, std::string value = "") {
  v1::EnvVarT variable;
  variable.name = std::move(name);
  variable.value = std::move(value);
  return variable;
}

std::string why_not(const v1::SpecT& spec) {
  auto checked = check_spec(spec);
  if (checked) return "";
  EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(is_utf8(checked.error().message));
  return checked.error().message;
}

// What is wrong once `change` was made to a good spec.
std::string why_not(const std::function<void(v1::SpecT&)>& change) {
  v1::SpecT spec = exec_spec();
  change(spec);
  return why_not(spec);
}

TEST(Spec, GoodOnesPass) {
  EXPECT_EQ(why_not(exec_spec()), "");
  EXPECT_EQ(why_not(script_spec("#!/bin/sh\necho hi\n")), "");
  EXPECT_EQ(why_not(script_spec("#! /usr/bin/env python3")), "");
  EXPECT_EQ(why_not([](v1::SpecT& spec) {
              spec.format = v1::Format::cxx;
              spec.argv.clear();
              spec.code = "int main() {}";
              spec.env.emplace_back(variable("_PORT9", "8080"));
            }),
            "");
}

TEST(Spec, TheFormatDecidesWhatIsNeeded) {
  EXPECT_EQ(why_not(v1::SpecT()), "spec: format is not given");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.format = static_cast<v1::Format>(9); }), "spec: format 9 is not known");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv.clear(); }), "spec: argv names no program");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv[0] = ""; }), "spec: argv names no program");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.code = "x"; }), "spec: format exec takes no code");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.format = v1::Format::cxx; }), "spec: code is not given");
}

TEST(Spec, AScriptNamesItsInterpreter) {
  EXPECT_EQ(why_not(script_spec("")), "spec: the script has no shebang");
  EXPECT_EQ(why_not(script_spec("echo hi\n#!/bin/sh")), "spec: the script has no shebang");
  EXPECT_EQ(why_not(script_spec("#!\n")), "spec: the script's shebang names no absolute path");
  EXPECT_EQ(why_not(script_spec("#! python3\n")), "spec: the script's shebang names no absolute path");
  EXPECT_EQ(why_not(script_spec("#!/bin/sh\r\n")), "spec: the script's shebang ends in a carriage return");
  EXPECT_EQ(why_not(script_spec("#!/" + std::string(300, 'x'))), "spec: the script's shebang is longer than 255 bytes");
}

TEST(Spec, TextIsUtf8WithoutNul) {
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv[1] = std::string("a\0b", 3); }), "spec: argv[1] has a NUL byte");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv[1] = "\xff"; }), "spec: argv[1] is not UTF-8");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.env.emplace_back(variable("A", "\xff")); }), "spec: env A is not UTF-8");
  EXPECT_EQ(why_not(script_spec(std::string("#!/bin/sh\n\0", 11))), "spec: code has a NUL byte");
}

TEST(Spec, EnvironmentNamesAreWellFormedAndNotSolos) {
  for (const std::string& bad : std::vector<std::string>{"", "9A", "A-B", "A=B", "A B", "É"}) {
    EXPECT_NE(why_not([&](v1::SpecT& spec) { spec.env.emplace_back(variable(bad)); }), "") << bad;
  }
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.env.emplace_back(variable("SOLO_X")); }),
            "spec: env SOLO_X is not yours to set");
  EXPECT_EQ(why_not([](v1::SpecT& spec) {
              spec.env.emplace_back(variable("A"));
              spec.env.emplace_back(variable("B"));
              spec.env.emplace_back(variable("A"));
            }),
            "spec: env A is there twice");
}

TEST(Spec, CountsAndLengthsAreBounded) {
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv.resize(kMaxArguments, "x"); }), "");
  EXPECT_NE(why_not([](v1::SpecT& spec) { spec.argv.resize(kMaxArguments + 1, "x"); }), "");
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.argv[1] = std::string(kMaxArgumentBytes, 'x'); }), "");
  EXPECT_NE(why_not([](v1::SpecT& spec) { spec.argv[1] = std::string(kMaxArgumentBytes + 1, 'x'); }), "");
  EXPECT_NE(why_not([](v1::SpecT& spec) { spec.argv.resize(12, std::string(kMaxArgumentBytes, 'x')); }), "");
  EXPECT_NE(
      why_not([](v1::SpecT& spec) { spec.env.emplace_back(variable("A", std::string(kMaxArgumentBytes + 1, 'x'))); }),
      "");
  EXPECT_NE(why_not([](v1::SpecT& spec) {
              for (std::size_t i = 0; i <= kMaxEnvironment; ++i)
                spec.env.emplace_back(variable("V" + std::to_string(i)));
            }),
            "");
  EXPECT_EQ(why_not(script_spec("#!/bin/sh\n" + std::string(kMaxCodeBytes - 10, 'x'))), "");
  EXPECT_NE(why_not(script_spec("#!/bin/sh\n" + std::string(kMaxCodeBytes - 9, 'x'))), "");
}

TEST(Spec, TheLargestSpecFitsIntoAnEvent) {
  v1::ServiceDeployedT deployed;
  deployed.spec = script_spec("#!/bin/sh\n" + std::string(kMaxCodeBytes - 10, 'x'));
  v1::EventT event;
  event.payload.Set(deployed);
  EXPECT_TRUE(decode_event(encode(event)));
}

TEST(Spec, RestartPoliciesAreKnown) {
  EXPECT_EQ(why_not([](v1::SpecT& spec) { spec.restart = static_cast<v1::RestartPolicy>(3); }),
            "spec: restart 3 is not known");
}

TEST(Spec, LimitsNotGivenHaveTheirDefaults) {
  using namespace std::chrono_literals;
  v1::SpecT spec = exec_spec();
  EXPECT_EQ(effective_limits(spec).max_restarts, 5U);
  EXPECT_EQ(effective_limits(spec).window, 60s);
  EXPECT_EQ(effective_limits(spec).startup_timeout, 5s);
  EXPECT_EQ(effective_limits(spec).shutdown_timeout, 5s);
  spec.format = v1::Format::cxx;
  EXPECT_EQ(effective_limits(spec).startup_timeout, 60s);
  spec.restart_limits = v1::RestartLimitsT();
  EXPECT_EQ(effective_limits(spec).startup_timeout, 60s);
  spec.restart_limits->startup_timeout_ms = 7;
  spec.restart_limits->shutdown_timeout_ms = 8;
  spec.restart_limits->max_restarts = 9;
  spec.restart_limits->max_seconds = 10;
  EXPECT_EQ(effective_limits(spec).startup_timeout, 7ms);
  EXPECT_EQ(effective_limits(spec).shutdown_timeout, 8ms);
  EXPECT_EQ(effective_limits(spec).max_restarts, 9U);
  EXPECT_EQ(effective_limits(spec).window, 10s);
}

}  // namespace
}  // namespace solo::schemas
