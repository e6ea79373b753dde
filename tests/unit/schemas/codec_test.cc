#include "schemas/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "schemas/json.h"
#include "schemas/json_table.h"
#include "schemas/schemas.h"
#include "tests/support/any_table.h"

namespace solo::schemas {
namespace {

using test::AnyTable;

std::string any_buffer(std::uint64_t seed, const flatbuffers::TypeTable* type, const char* identifier) {
  AnyTable any(seed, AnyTable::Fill::some_fields);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(build_table(builder, any.table(type), type).value(), identifier);
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

std::string any_event(std::uint64_t seed) { return any_buffer(seed, v1::EventTypeTable(), v1::EventIdentifier()); }
std::string any_request(std::uint64_t seed) {
  return any_buffer(seed, v1::RequestTypeTable(), v1::RequestIdentifier());
}
std::string any_reply(std::uint64_t seed) { return any_buffer(seed, v1::ReplyTypeTable(), v1::ReplyIdentifier()); }

RC_GTEST_PROP(Codec, EveryEventSurvivesBytesAndJson, (std::uint64_t seed)) {
  const v1::EventT event = decode_event(any_event(seed)).value();
  RC_ASSERT(decode_event(encode(event)).value() == event);
  JsonCodec codec;
  RC_ASSERT(codec.event_from_json(codec.to_json(event)).value() == event);
}

RC_GTEST_PROP(Codec, EveryRequestSurvivesBytesAndJson, (std::uint64_t seed)) {
  const v1::RequestT request = decode_request(any_request(seed)).value();
  RC_ASSERT(decode_request(encode(request)).value() == request);
  JsonCodec codec;
  RC_ASSERT(codec.request_from_json(codec.to_json(request)).value() == request);
}

RC_GTEST_PROP(Codec, EveryReplySurvivesBytesAndJson, (std::uint64_t seed)) {
  const v1::ReplyT reply = decode_reply(any_reply(seed)).value();
  RC_ASSERT(decode_reply(encode(reply)).value() == reply);
  JsonCodec codec;
  RC_ASSERT(codec.reply_from_json(codec.to_json(reply)).value() == reply);
}

// A damaged buffer is refused, or it is a value like any other: it can be written again in both forms.
template <class Decode>
void survives(const std::string& bytes, Decode decode) {
  auto value = decode(bytes);
  if (!value) {
    RC_ASSERT(is_utf8(value.error().message));
    return;
  }
  RC_ASSERT(decode(encode(*value)).value() == *value);
  RC_ASSERT(!JsonCodec().to_json(*value).empty());
}

std::string damaged(std::string bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::uint64_t left = 1 + random() % 4; left > 0; --left) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << (random() % 8)));
        break;
      case 2:
        bytes.resize(std::max<std::size_t>(1, bytes.size() - random() % 8));
        break;
      default: {
        // Offsets near the edge.
        const std::uint32_t word[] = {0U, 1U, 4U, 0x7fffffffU, 0x80000000U, 0xffffffffU};
        if (bytes.size() >= 4) std::memcpy(bytes.data() + (at & ~3U) % (bytes.size() - 3), &word[random() % 6], 4);
      }
    }
  }
  return bytes;
}

RC_GTEST_PROP(Codec, DamagedBytesAreRefusedOrAValue, (std::uint64_t seed)) {
  survives(damaged(any_event(seed), seed), decode_event);
  survives(damaged(any_request(seed), seed), decode_request);
  survives(damaged(any_reply(seed), seed), decode_reply);
}

RC_GTEST_PROP(Codec, GarbageIsRefused, (const std::string& garbage)) {
  RC_ASSERT(!decode_event(garbage));
  RC_ASSERT(!decode_request(garbage));
  RC_ASSERT(!decode_reply(garbage));
}

TEST(Codec, BytesNeedNotBeAligned) {
  const std::string bytes = any_event(7);
  for (std::size_t shift = 1; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, '?') + bytes;
    const std::string_view view = std::string_view(shifted).substr(shift);
    EXPECT_EQ(decode_event(view).value(), decode_event(bytes).value());
    EXPECT_EQ(view_event(view).has_value(), shift % 4 == 0);
  }
}

TEST(Codec, EveryCutOfABufferIsRefused) {
  v1::EventT event;
  event.id = "1";
  event.payload.Set(v1::ServiceKilledT());
  const std::string bytes = encode(event);
  // In front stands what is read first, behind the strings' ends; padding at the very end may go.
  for (std::size_t size = 0; size + 4 <= bytes.size(); ++size) {
    auto decoded = decode_event(bytes.substr(0, size));
    EXPECT_TRUE(!decoded || *decoded == event) << size;
  }
  for (std::size_t size = 0; size < 12; ++size) EXPECT_FALSE(decode_event(bytes.substr(0, size)));
}

TEST(Codec, AnotherIdentifierIsRefused) {
  EXPECT_EQ(decode_event(any_request(1)).error().message, "not an event: its file identifier is not SOEV");
  EXPECT_EQ(decode_request(any_event(1)).error().message, "not a request: its file identifier is not SORQ");
  EXPECT_EQ(decode_reply(any_event(1)).error().message, "not a reply: its file identifier is not SORP");
  EXPECT_EQ(decode_event("").error().message, "not an event: too short");
}

TEST(Codec, OversizeIsRefused) {
  v1::EventT event;
  event.payload.Set(v1::ServiceKilledT());
  event.id = std::string(kMaxEventBytes, 'x');
  EXPECT_EQ(decode_event(encode(event)).error().code, ErrorCode::invalid_argument);
  v1::RequestT request;
  request.body.Set(v1::HealthT());
  request.id = std::string(kMaxRequestBytes, 'x');
  EXPECT_EQ(decode_request(encode(request)).error().code, ErrorCode::resource_exhausted);
}

// An event by hand, for what encode() never writes.
struct RawEvent {
  std::string id = "1";
  std::uint8_t tag = static_cast<std::uint8_t>(v1::Payload::ServiceKilled);
  bool with_value = true;

  std::string bytes() const {
    flatbuffers::FlatBufferBuilder builder;
    const auto text = builder.CreateString(id);
    const auto payload = v1::CreateServiceKilled(builder, 3).Union();
    v1::EventBuilder event(builder);
    event.add_id(text);
    event.add_payload_type(static_cast<v1::Payload>(tag));
    if (with_value) event.add_payload(payload);
    builder.Finish(event.Finish(), v1::EventIdentifier());
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
  }
};

TEST(Codec, AnUnknownPayloadIsUnimplemented) {
  RawEvent raw;
  EXPECT_TRUE(decode_event(raw.bytes()));
  raw.tag = static_cast<std::uint8_t>(v1::Payload::MAX) + 1;
  auto decoded = decode_event(raw.bytes());
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::unimplemented);
  raw.with_value = false;
  EXPECT_EQ(decode_event(raw.bytes()).error().code, ErrorCode::unimplemented);
}

TEST(Codec, AnUnknownCommandOrReplyBodyIsUnimplemented) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = v1::CreateHealth(builder).Union();
  builder.Finish(v1::CreateRequest(builder, 0, 0, 0, v1::Wait::unspecified, 0, 0, static_cast<v1::Command>(200), body),
                 v1::RequestIdentifier());
  std::string_view bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  EXPECT_EQ(decode_request(bytes).error().code, ErrorCode::unimplemented);
  builder.Clear();
  const auto reply_body = v1::CreateHealthReport(builder).Union();
  builder.Finish(v1::CreateReply(builder, 0, true, 0, 0, false, static_cast<v1::ReplyBody>(200), reply_body),
                 v1::ReplyIdentifier());
  bytes = {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
  EXPECT_EQ(decode_reply(bytes).error().code, ErrorCode::unimplemented);
}

TEST(Codec, APayloadNeedsItsTypeAndItsValue) {
  RawEvent raw;
  raw.with_value = false;
  EXPECT_EQ(decode_event(raw.bytes()).error().message, "not an event: payload_type is given without its value");
  raw.tag = 0;
  EXPECT_EQ(decode_event(raw.bytes()).error().message, "not an event: it has no payload");
  raw.with_value = true;
  EXPECT_EQ(decode_event(raw.bytes()).error().message, "not an event: payload is given without its type");
}

TEST(Codec, ARequestNeedsACommandButAReplyNeedsNoBody) {
  EXPECT_EQ(decode_request(encode(v1::RequestT())).error().message, "not a request: it has no body, so no command");
  EXPECT_TRUE(decode_reply(encode(v1::ReplyT())));
}

TEST(Codec, TextThatIsNotUtf8IsRefusedByItsPlace) {
  RawEvent raw;
  raw.id = "\xff";
  EXPECT_EQ(decode_event(raw.bytes()).error().message, "not an event: id is not UTF-8");
  v1::ServiceDeployedT deployed;
  v1::SpecT spec;
  spec.env.emplace_back(v1::EnvVarT());
  spec.env.emplace_back(v1::EnvVarT());
  spec.env[1]->value = "\xed\xa0\x80";
  deployed.spec = spec;
  v1::EventT event;
  event.payload.Set(deployed);
  EXPECT_EQ(decode_event(encode(event)).error().message, "not an event: payload.spec.env[1].value is not UTF-8");
}

TEST(Codec, ARequestWithAnUnknownEnumValueIsRefusedAndAnEventIsNot) {
  v1::SpecT spec;
  spec.format = static_cast<v1::Format>(77);
  v1::DeployT deploy;
  deploy.spec = spec;
  v1::RequestT request;
  request.body.Set(deploy);
  EXPECT_EQ(decode_request(encode(request)).error().message,
            "not a request: body.spec.format has a value this build does not know: 77");
  v1::ServiceDeployedT deployed;
  deployed.spec = spec;
  v1::EventT event;
  event.payload.Set(deployed);
  EXPECT_EQ(decode_event(encode(event)).value(), event);
}

TEST(Codec, AnElementThatIsNotThereIsRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto variable = v1::CreateEnvVar(builder, builder.CreateString("A"));
  const auto env = builder.CreateVector(std::vector{variable, variable});
  const auto spec = v1::CreateSpec(builder, v1::Format::exec, 0, 0, env);
  const auto deployed = v1::CreateServiceDeployed(builder, spec).Union();
  builder.Finish(v1::CreateEvent(builder, 0, 0, 0, 0, 0, 0, 0, 0, v1::Payload::ServiceDeployed, deployed),
                 v1::EventIdentifier());
  std::string bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  ASSERT_TRUE(decode_event(bytes));
  const auto* in_place = v1::GetEvent(bytes.data())->payload_as_ServiceDeployed()->spec()->env();
  const auto second = reinterpret_cast<const char*>(in_place->Data()) + 4 - bytes.data();
  // An offset of 0 points to itself: the verifier takes it for a table without fields.
  std::memset(bytes.data() + second, 0, 4);
  EXPECT_EQ(decode_event(bytes).error().message, "not an event: payload.spec.env[1] is not there");
}

TEST(Codec, ASmallBufferCannotBecomeALargeValue) {
  flatbuffers::FlatBufferBuilder builder;
  const auto argument = builder.CreateString(std::string(400'000, 'x'));
  const auto argv = builder.CreateVector(std::vector(100'000, argument));
  const auto spec = v1::CreateSpec(builder, v1::Format::exec, argv);
  const auto deploy = v1::CreateDeploy(builder, 0, spec).Union();
  builder.Finish(v1::CreateRequest(builder, 0, 0, 0, v1::Wait::unspecified, 0, 0, v1::Command::Deploy, deploy),
                 v1::RequestIdentifier());
  const std::string_view bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  ASSERT_LE(bytes.size(), kMaxRequestBytes);
  // 40 GB, if it were unpacked.
  EXPECT_EQ(decode_request(bytes).error().message,
            "not a request: body.spec.argv[7] uses parts of the buffer too often");
}

TEST(Codec, ATableThatIsUsedTooOftenIsRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto status = v1::CreateServiceStatus(builder);
  const auto services = builder.CreateVector(std::vector(200'000, status));
  const auto list = v1::CreateServiceList(builder, services).Union();
  builder.Finish(v1::CreateReply(builder, 0, true, 0, 0, false, v1::ReplyBody::ServiceList, list),
                 v1::ReplyIdentifier());
  const std::string_view bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  EXPECT_EQ(decode_reply(bytes).error().message, "not a reply: the buffer is damaged");
}

}  // namespace
}  // namespace solo::schemas
