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

}  // namespace
}  // namespace solo::producers
