// What is sent is what a client takes.
#include "producers/gateway_replies.h"

#include <gtest/gtest.h>

#include "schemas/codec.h"

namespace solo::producers {
namespace {

TEST(EncodeSound, AReplyIsSentAsItIs) {
  const v1::ReplyT reply = ok_reply("a-1");
  EXPECT_EQ(encode_sound(reply), schemas::encode(reply));
}

TEST(EncodeSound, OneThatNoClientWouldTakeIsAnsweredInternalByItsId) {
  v1::ReplyT reply = ok_reply("a-1");
  v1::HealthReportT report;
  report.detail = "n\xff";
  reply.body.Set(std::move(report));
  ASSERT_FALSE(schemas::decode_reply(schemas::encode(reply)));
  const auto sent = schemas::decode_reply(encode_sound(reply));
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->id, "a-1");
  EXPECT_FALSE(sent->ok);
  EXPECT_EQ(sent->error->code, v1::ErrorCode::internal);
}

}  // namespace
}  // namespace solo::producers
