#include "producers/gateway_frames.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace solo::producers {
namespace {

constexpr std::size_t kLimit = 100;

RequestFrames read(const std::vector<std::string_view>& frames) { return read_frames(frames, frames.size(), kLimit); }

TEST(GatewayFrames, BothFormsAndBothEncodingsAreRead) {
  for (const Encoding encoding : {Encoding::json, Encoding::flatbuffers}) {
    const RequestFrames dealer = read({header_of(encoding), "body"});
    EXPECT_FALSE(dealer.empty_frame);
    EXPECT_EQ(dealer.encoding, encoding);
    EXPECT_EQ(dealer.body.value_or(""), "body");
    const RequestFrames req = read({"", header_of(encoding), "body"});
    EXPECT_TRUE(req.empty_frame);
    EXPECT_EQ(req.encoding, encoding);
    EXPECT_EQ(req.body.value_or(""), "body");
  }
}

TEST(GatewayFrames, ABodyOverTheLimitIsResourceExhaustedInItsOwnEncoding) {
  const std::string body(kLimit + 1, 'x');
  const RequestFrames frames = read({"solo/1 flatbuffers", body});
  EXPECT_EQ(frames.encoding, Encoding::flatbuffers);
  EXPECT_EQ(frames.body.error().code, schemas::ErrorCode::resource_exhausted);
  EXPECT_TRUE(read({"solo/1 json", std::string_view(body).substr(1)}).body);
}

RC_GTEST_PROP(GatewayFrames, WhateverComesIsReadOrToldWhatIsExpected, ()) {
  const auto frame =
      rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                     rc::gen::element<std::string>("", "solo/1 json", "solo/1 flatbuffers", "solo/2 json"));
  const auto sent = *rc::gen::container<std::vector<std::string>>(frame);
  const std::vector<std::string_view> frames(sent.begin(), sent.end());
  const RequestFrames got = read(frames);
  RC_ASSERT(got.empty_frame == (!sent.empty() && sent.front().empty()));
  if (got.body) {
    RC_ASSERT(sent.size() == (got.empty_frame ? 3U : 2U));
    RC_ASSERT(*got.body == sent.back());
  } else if (got.body.error().code != schemas::ErrorCode::resource_exhausted) {
    RC_ASSERT(got.encoding == Encoding::json);
    RC_ASSERT(!got.body.error().hint.empty());
  }
}

TEST(GatewayFrames, TheIdOfATextThatIsNoRequestIsFoundWhereItCanBe) {
  EXPECT_EQ(id_in(R"({"id":"a-1","tenant":)"), "a-1");
  EXPECT_EQ(id_in(R"({ "body": {"id":"inner"}, "list": ["id", "x"], "id" : "a-2" })"), "a-2");
  EXPECT_EQ(id_in(R"({"note":"say \"id\": \"b\"","id":"a-3",,})"), "a-3");
  for (const char* none :
       {"", "{", "[]", R"({"id":7})", R"({"id":"\u0061-1"})", R"({"id":""})", R"({"id":"two words"})", R"({"id":"cut)",
        R"({"id)", R"("id":"a")", R"({"body":{"id":"inner"}})"}) {
    EXPECT_EQ(id_in(none), "") << none;
  }
}

RC_GTEST_PROP(GatewayFrames, AnIdIsFoundInAnyNoiseOrNot, (const std::string& noise)) {
  const std::string id = id_in(noise);
  RC_ASSERT(id.empty() || noise.find(id) != std::string::npos);
  RC_ASSERT(id_in("{\"id\":\"x-1\"" + noise) == "x-1");
}

}  // namespace
}  // namespace solo::producers
