#include "schemas/json.h"

#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "schemas/json_scan.h"
#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

Error refused(std::string_view json) {
  JsonCodec codec;
  auto request = codec.request_from_json(json);
  if (request) {
    ADD_FAILURE() << "taken: " << json;
    return {};
  }
  EXPECT_TRUE(is_utf8(request.error().message)) << json;
  EXPECT_LT(request.error().message.size(), 1000U);
  return request.error();
}

std::string says(std::string_view json) {
  const Error error = refused(json);
  EXPECT_EQ(error.code, ErrorCode::invalid_argument) << json;
  return error.message;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos || (ADD_FAILURE() << '"' << part << "\" is not in: " << text, false);
}

std::string deploy(std::string_view body) {
  return R"({"id":"1","body_type":"Deploy","body":)" + std::string(body) + "}";
}

TEST(Json, TheContractsExampleIsRead) {
  JsonCodec codec;
  auto request = codec.request_from_json(
      R"({"id":"7","token":"t","tenant":"acme","body_type":"Deploy","body":{"service":"web","spec":{"format":"script",)"
      R"("code":"#!/bin/sh\n","restart":"transient","restart_limits":{"max_restarts":3}},"if_generation":18446744073709551615}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->tenant, "acme");
  const v1::DeployT* deploy = request->body.AsDeploy();
  ASSERT_NE(deploy, nullptr);
  EXPECT_EQ(deploy->spec->format, v1::Format::script);
  EXPECT_EQ(deploy->spec->restart, v1::RestartPolicy::transient);
  EXPECT_EQ(deploy->spec->restart_limits->max_restarts, 3U);
  EXPECT_EQ(deploy->if_generation, 18446744073709551615U);
}

TEST(Json, TheBodyMayStandBeforeItsType) {
  JsonCodec codec;
  auto request = codec.request_from_json(R"({"body":{"service":"web"},"body_type":"Status"})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->body.AsStatus()->service, "web");
}

TEST(Json, NullIsNotGiven) {
  JsonCodec codec;
  auto request = codec.request_from_json(R"({"id":null,"timeout_ms":null,"body_type":"Health","body":{}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->timeout_ms, 0U);
}

TEST(Json, DefaultsAreWritten) {
  JsonCodec codec;
  v1::ReplyT reply;
  EXPECT_EQ(codec.to_json(reply), R"({"id":"","ok":false,"position":"","duplicate":false,"body_type":"NONE"})");
  v1::ServiceListT list;
  reply.body.Set(list);
  reply.error = v1::ErrorT();
  EXPECT_EQ(codec.to_json(reply),
            R"({"id":"","ok":false,"error":{"code":"ok","message":"","hint":"","retryable":false},)"
            R"("position":"","duplicate":false,"body_type":"ServiceList","body":{"services":[],"next":""}})");
}

TEST(Json, WhatIsWrittenIsAlwaysJson) {
  JsonCodec codec;
  v1::ReplyT reply;
  reply.id = std::string("\x01\x7f\"\\\n\t\0\xff\xed\xa0\x80 \xf0\x9f\x90\x9f", 17);
  auto read = codec.reply_from_json(codec.to_json(reply));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, to_utf8(reply.id));
}

TEST(Json, AnUnknownFieldIsRefusedByName) {
  EXPECT_TRUE(has(says(R"({"id":"1","boddy":{}})"), "\"boddy\""));
  EXPECT_TRUE(
      has(says(deploy(R"({"spec":{"env":[{"name":"A"},{"nme":"B"}]}})")), "body.spec.env[1]: unknown field \"nme\""));
  EXPECT_TRUE(has(refused(R"({"Id":"1"})").hint, "id, token, tenant"));
}

TEST(Json, AFieldThatIsThereTwiceIsRefused) {
  EXPECT_TRUE(has(says(R"({"id":"1","id":"2","body_type":"Health","body":{}})"), "\"id\" is there twice"));
  EXPECT_TRUE(has(says(R"({"body_type":"Health","body":{},"body_type":"Kill"})"), "\"body_type\" is there twice"));
}

TEST(Json, AUnionNeedsTypeAndValue) {
  EXPECT_TRUE(has(says(R"({"body":{"service":"web"}})"), "body: its type is not given"));
  EXPECT_TRUE(has(says(R"({"body_type":"NONE","body":{}})"), "body: its type is not given"));
  EXPECT_TRUE(has(says(R"({"body_type":"Health"})"), "body: is not given"));
  EXPECT_TRUE(has(says(R"({"body_type":"Health","body":null})"), "body: is not given"));
  EXPECT_TRUE(has(says(R"({"id":"1"})"), "no command"));
}

TEST(Json, AnUnknownCommandIsUnimplementedAndTheHintNamesTheKnownOnes) {
  const Error error = refused(R"({"body_type":"deploy","body":{}})");
  EXPECT_EQ(error.code, ErrorCode::unimplemented);
  EXPECT_TRUE(error.hint.starts_with("one of Deploy, ")) << error.hint;
  EXPECT_TRUE(has(error.message, "body_type: \"deploy\""));
  EXPECT_TRUE(has(error.hint, "Deploy, Kill"));
}

TEST(Json, AValueOfAnotherTypeIsRefused) {
  EXPECT_TRUE(has(says(R"({"id":1})"), "id: is not a string"));
  EXPECT_TRUE(has(says(R"({"timeout_ms":"5"})"), "timeout_ms: is not an integer"));
  EXPECT_TRUE(has(says(R"({"timeout_ms":true})"), "timeout_ms: is not an integer"));
  EXPECT_TRUE(has(says(R"({"timeout_ms":1.0})"), "timeout_ms"));
  EXPECT_TRUE(has(says(R"({"body_type":1,"body":{}})"), "body_type: is not one of"));
  EXPECT_TRUE(has(says(R"({"body_type":["Health"],"body":[{}]})"), "body_type"));
  EXPECT_TRUE(has(says(deploy("[]")), "body: is not an object"));
  EXPECT_TRUE(has(says(deploy(R"({"replace":1})")), "body.replace: is not true or false"));
  EXPECT_TRUE(has(says(deploy(R"({"spec":{"argv":{}}})")), "body.spec.argv: is not an array"));
  EXPECT_TRUE(has(says(deploy(R"({"spec":{"argv":["a",null]}})")), "body.spec.argv[1]: is not a string"));
  EXPECT_TRUE(has(says(deploy(R"({"spec":{"env":[null]}})")), "body.spec.env[0]: is not an object"));
  EXPECT_TRUE(has(says("[]"), "the JSON: is not an object"));
  EXPECT_TRUE(has(says("null"), "the JSON: is not an object"));
}

TEST(Json, NumbersOutOfRangeAreRefused) {
  EXPECT_TRUE(has(says(R"({"timeout_ms":4294967296})"), "timeout_ms: is too large"));
  EXPECT_TRUE(has(says(R"({"timeout_ms":-1})"), "timeout_ms: is out of range: -1"));
  EXPECT_TRUE(has(says(deploy(R"({"if_generation":18446744073709551616})")), "body.if_generation"));
  EXPECT_TRUE(has(says(deploy(R"({"if_generation":-1})")), "body.if_generation"));
  EXPECT_TRUE(has(says(R"({"timeout_ms":1e999})"), "line 1, column"));
  EXPECT_TRUE(has(says(R"({"wait":256})"), "wait"));
  EXPECT_TRUE(has(says(R"({"wait":9,"body_type":"Health","body":{}})"), "wait"));
  EXPECT_TRUE(has(says(R"({"wait":"DONE"})"), "wait: \"DONE\" is not known"));
}

TEST(Json, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_TRUE(has(says("{\n  \"id\": \"1\",\n  oops\n}"), "line 3, column 3"));
  EXPECT_TRUE(has(says(""), "line 1, column 1"));
  for (const char* bad :
       {"{", "{\"id\"}", "{\"id\":\"1\",}", "{'id':'1'}", "{id:\"1\"}", "{\"timeout_ms\":0x10}", "{\"timeout_ms\":+1}",
        "{\"timeout_ms\":01}", "{\"timeout_ms\":NaN}", "// hello\n{}", "{}{}", "{} x",
        "namespace a; table b {} root_type b; {}", "include \"/etc/passwd\"; {}", "\"", "{\"a\\", "{\"id\":\"\n\"}"}) {
    EXPECT_TRUE(has(says(bad), "line ")) << bad;
  }
  EXPECT_TRUE(has(says(std::string_view("{}\0{}", 5)), "a NUL byte"));
}

TEST(Json, ASyntaxErrorDoesNotRepeatWhatWasRead) {
  for (const char* bad :
       {R"({"token":"solo_secret)", R"({"token":"solo_secret\x"})", R"({"token":"solo_secret" "tenant":"a"})",
        "{\"token\":\"solo_secret\xff\"}", R"({"token":solo_secret})"}) {
    EXPECT_EQ(says(bad).find("secret"), std::string::npos) << says(bad);
  }
  EXPECT_EQ(says("{\"id\":nul}"), "not JSON Solo takes: line 1, column 10: while parsing value - invalid literal");
}

TEST(Json, TextThatIsNotUnicodeIsRefused) {
  for (const char* bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\\ud800", "\\udc00", "\\ud800x"}) {
    EXPECT_TRUE(has(says(R"({"id":")" + std::string(bad) + "\"}"), "line 1, column")) << bad;
  }
}

TEST(Json, HostileSizesAreRefusedInBoundedTime) {
  constexpr std::size_t kSize = kMaxRequestBytes;
  const auto repeat = [](std::string_view part, std::size_t bytes) {
    std::string out;
    while (out.size() + part.size() <= bytes) out += part;
    return out;
  };
  EXPECT_TRUE(has(says(std::string(kSize, '[')), "nested deeper"));
  EXPECT_TRUE(has(says(repeat(R"({"body":)", kSize)), "nested deeper"));
  EXPECT_TRUE(has(says("[" + repeat("0,", kSize - 2) + "0"), "more than"));
  EXPECT_TRUE(has(says(R"({"id":")" + std::string(kSize - 16, 'x')), "line 1"));
  EXPECT_TRUE(has(says(std::string(kSize, '\n')), "line 1048577, column 1"));
  std::string fields = "{";
  for (int i = 0; i < 90'000; ++i) fields += "\"" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(has(says(fields.substr(0, kSize)), "more than 64 fields"));
  EXPECT_EQ(refused(std::string(kSize + 1, ' ')).code, ErrorCode::resource_exhausted);
}

TEST(Json, ALongHonestRequestIsRead) {
  JsonCodec codec;
  const std::string code(700'000, 'x');
  auto request = codec.request_from_json(deploy(R"({"spec":{"format":"cxx","code":")" + code + "\"}}"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->body.AsDeploy()->spec->code, code);
}

TEST(Json, ACodecIsGoodAsNewAfterARefusal) {
  JsonCodec codec;
  EXPECT_FALSE(codec.request_from_json(deploy(R"({"spec":{"argv":["a","b"],"env":[{"name":"A"},{"x":1}]}})")));
  EXPECT_TRUE(codec.request_from_json(R"({"body_type":"Health","body":{}})"));
}

TEST(Json, ASpecAloneIsRead) {
  JsonCodec codec;
  auto spec = codec.spec_from_json(R"({"format":"exec","argv":["/bin/true"]})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->argv, std::vector<std::string>{"/bin/true"});
  EXPECT_FALSE(codec.spec_from_json(R"({"argv":[1]})"));
}

TEST(Json, AnyTableIsWrittenByItsName) {
  JsonCodec codec;
  flatbuffers::FlatBufferBuilder builder;
  v1::TenantRecordT record;
  record.deploys = 3;
  builder.Finish(v1::TenantRecord::Pack(builder, &record));
  const std::string_view bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  EXPECT_EQ(codec.table_to_json("TenantRecord", bytes).value(), R"({"deploys":3,"commands":0})");
  EXPECT_EQ(codec.table_to_json("Nonsense", bytes).error().code, ErrorCode::not_found);
}

TEST(Json, ARequestsTokenIsReadAsItStandsWhereverItStands) {
  JsonCodec codec;
  const auto token_of = [&](const std::string& fields) {
    const auto request = codec.request_from_json("{" + fields + R"(,"body_type":"Health","body":{}})");
    return request ? request->token : "refused: " + request.error().message;
  };
  EXPECT_EQ(token_of(R"("token":"solo_abc","tenant":"acme")"), "solo_abc");
  EXPECT_EQ(token_of(R"("tenant":"token", "token" : "solo_abc")"), "solo_abc");
  EXPECT_EQ(token_of(R"("token":"")"), "");
  EXPECT_EQ(token_of(R"("token":null)"), "");
  EXPECT_EQ(token_of(R"("tok\u0065n":"solo_abc")"), "solo_abc");
  EXPECT_EQ(token_of(R"("token":"s\u006flo_abc")"), "solo_abc");
  EXPECT_EQ(token_of(R"("token":"solo_\u00e4")"), "solo_\u00e4");
  EXPECT_EQ(token_of(R"("id":"\"token\":\"b\"","token":"a")"), "a");
  for (const char* bad : {R"("token":"a","token":"b")", R"("token":"a" "id":"b")", R"("token":7)", "\"token\":\"a\nb\"",
                          "\"token\":\"\xff\""}) {
    const std::string said = token_of(bad);
    EXPECT_EQ(said.substr(0, 8), "refused:") << bad << said;
    EXPECT_EQ(said.find("xxx"), std::string::npos) << "an error is about what was sent";
  }
}

TEST(Json, OneTextOfTheOutermostObjectIsFoundInWhatIsNoJson) {
  EXPECT_EQ(outer_text(R"({"token":"a)", "token"), "");
  EXPECT_EQ(outer_text(R"({"token":"a" nonsense)", "token"), "a");
  EXPECT_EQ(outer_text(R"({"body":{"token":"inner"},"list":["token","x"],"token":"a\"b"})", "token"), R"(a\"b)");
  for (const char* none :
       {"", "\"", "{", R"("token":"a")", R"({"token":7})", R"({"token"})", R"({"body":{"token":"a"}})"}) {
    EXPECT_EQ(outer_text(none, "token"), "") << none;
  }
}

}  // namespace
}  // namespace solo::schemas
